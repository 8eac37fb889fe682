// The management key of a card (9B), without which nothing can be written to it.
import { useState } from 'react';
import { Switch, TextField } from '../components/field.tsx';
import { makersManagementKey, readManagementKey } from '../logic/card-view.ts';
import { useWords } from '../state/words.ts';

export interface ManagementKey {
  readonly makers: boolean;
  readonly text: string;
  readonly change: (part: { readonly makers?: boolean; readonly text?: string }) => void;
  /** Fresh bytes, which the caller wipes; undefined: what was typed is none. */
  readonly bytes: () => Uint8Array<ArrayBuffer> | undefined;
}

export function useManagementKey(): ManagementKey {
  const [state, setState] = useState({ makers: false, text: '' });
  return {
    ...state,
    change: (part) => setState((before) => ({ ...before, ...part })),
    bytes: () => readManagementKey(state.makers ? makersManagementKey : state.text),
  };
}

interface FieldsProperties {
  readonly managementKey: ManagementKey;
  readonly tried: boolean;
}

export function ManagementKeyFields({
  managementKey: { makers, text, change, bytes },
  tried,
}: FieldsProperties) {
  const { say } = useWords();
  const missing = tried && bytes() === undefined;
  return (
    <>
      <TextField
        label={say('keys.card.management-key')}
        hint={say('keys.card.management-key-hint')}
        type="password"
        value={makers ? '' : text}
        disabled={makers}
        maxLength={128}
        problem={missing ? say('keys.problem.management-key') : undefined}
        onText={(changed) => change({ text: changed })}
      />
      <Switch
        label={say('keys.card.makers-key')}
        hint={say('keys.card.makers-key-hint')}
        checked={makers}
        onSwitch={(on) => change({ makers: on, text: '' })}
      />
    </>
  );
}
