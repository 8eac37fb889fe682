// What the service asks the person for: a PIN, a passphrase, a password, a code, or the card itself. It opens by itself
// and goes away when it was answered elsewhere or has expired. What was typed is sent once and not kept.
import { type FormEvent, useId, useState } from 'react';
import type { Prompt } from '../../main/control/prompt-values.ts';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Switch, TextField } from '../components/field.tsx';
import { Notice } from '../components/notice.tsx';
import { useActions } from '../state/actions.ts';
import { useNow, useWindowState } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';

/** The oldest prompt; the next one follows it. */
export function PromptDialogs() {
  const { service } = useWindowState();
  const prompt = service.service === 'present' ? service.status.prompts[0] : undefined;
  return prompt === undefined ? null : <PromptDialog key={prompt.id} prompt={prompt} />;
}

function PromptDialog({ prompt }: { readonly prompt: Prompt }) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const form = useId();
  const [text, setText] = useState('');
  const [store, setStore] = useState(false);
  const [confirmed, setConfirmed] = useState(false);
  const { id, kind, pinPad, lastTry, storable } = prompt;
  const typed = kind !== 'card' && !pinPad;
  const ready = (!typed || text !== '') && (!lastTry || confirmed);
  const answer = async (event: FormEvent) => {
    event.preventDefault();
    if (!ready || busy !== undefined) return;
    const bytes = typed ? new TextEncoder().encode(text) : undefined;
    setText('');
    await run('answer', 'prompts.answer', {
      id,
      ...(lastTry && { confirmLastTry: true }),
      ...(storable && store && { store: true }),
      ...(bytes !== undefined && { answer: bytes }),
    });
    bytes?.fill(0);
  };
  return (
    <Dialog
      title={say(`prompt.title-${kind}`)}
      onClose={() => void run('cancel', 'prompts.cancel', { id })}
      actions={
        kind !== 'card' && (
          <Button kind="primary" type="submit" form={form} busy={busy !== undefined} disabled={!ready}>
            {say(pinPad ? 'prompt.begin' : 'prompt.answer')}
          </Button>
        )
      }
    >
      <form id={form} className="form" onSubmit={(event) => void answer(event)}>
        {prompt.failure !== undefined && (
          <Notice tone="bad" title={say(`prompt.failure-${prompt.failure}`)} role="alert" />
        )}
        <PromptFacts prompt={prompt} />
        {pinPad && <p>{say('prompt.pin-pad')}</p>}
        {kind === 'card' && <p>{say('prompt.insert-card')}</p>}
        {typed && (
          <TextField
            label={say(`prompt.field-${kind}`)}
            type="password"
            value={text}
            maxLength={1024}
            autoFocus
            inputMode={kind === 'pin' || kind === 'puk' ? 'numeric' : 'text'}
            onText={setText}
          />
        )}
        {lastTry && (
          <Switch
            label={say('prompt.confirm-last-try')}
            hint={say('prompt.last-try-hint')}
            checked={confirmed}
            onSwitch={setConfirmed}
          />
        )}
        {storable && (
          <Switch
            label={say('prompt.store')}
            hint={say('prompt.store-hint')}
            checked={store}
            onSwitch={setStore}
          />
        )}
        <TimeLeft expiresAt={prompt.expiresAt} />
      </form>
    </Dialog>
  );
}

function PromptFacts({ prompt }: { readonly prompt: Prompt }) {
  const { say } = useWords();
  const { profile, vault, card, identity, message, triesLeft } = prompt;
  const facts = [
    ['profile', profile],
    ['identity', identity],
    ['vault', vault],
    ['card', card?.label],
    ['reader', card?.reader],
    ['message', message],
    ['tries', triesLeft === undefined ? undefined : String(triesLeft)],
  ] as const;
  return (
    <dl className="facts">
      {facts.map(
        ([name, value]) =>
          value !== undefined &&
          value !== '' && (
            <div key={name} className="fact">
              <dt>{say(`prompt.fact-${name}`)}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

function TimeLeft({ expiresAt }: { readonly expiresAt: number }) {
  const { say, duration } = useWords();
  const now = useNow();
  return <p className="hint">{say('prompt.expires', { time: duration(expiresAt - now) })}</p>;
}
