// A call that a button makes: the button waits, success and failure are told.
import { useCallback, useState } from 'react';
import type { CommandName, CommandParameters, CommandResult } from '../../main/tray/ipc.ts';
import { useToasts } from '../components/toast.tsx';
import { useInvoke } from './hooks.ts';

export interface Actions {
  /** The key of the action that runs now. */
  readonly busy: string | undefined;
  /** Resolves to the result, or undefined after a failure, which was told. `done`: what to say afterwards. */
  run<Name extends CommandName>(
    key: string,
    name: Name,
    parameters: CommandParameters<Name>,
    done?: string,
  ): Promise<CommandResult<Name> | undefined>;
}

export function useActions(): Actions {
  const invoke = useInvoke();
  const toasts = useToasts();
  const [busy, setBusy] = useState<string>();
  const run: Actions['run'] = useCallback(
    async (key, name, parameters, done) => {
      setBusy(key);
      const outcome = await invoke(name, parameters);
      setBusy(undefined);
      if (!outcome.ok) {
        toasts.failed(outcome.failure);
        return undefined;
      }
      if (done !== undefined) toasts.done(done);
      return outcome.value;
    },
    [invoke, toasts],
  );
  return { busy, run };
}
