// A new PIN for a card: with the present PIN or, where that is blocked or forgotten, with the PUK. The service asks for
// those by its own prompt, so that tries left and the last one are told.
import { useState } from 'react';
import type { CardStatus } from '../../main/control/card-values.ts';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { TextField } from '../components/field.tsx';
import { useActions } from '../state/actions.ts';
import { useWords } from '../state/words.ts';

interface NewPinProperties {
  readonly card: CardStatus;
  readonly means: 'change-pin' | 'unblock';
  readonly onClose: () => void;
}

export function NewPinDialog({ card, means, onClose }: NewPinProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const [text, setText] = useState('');
  const [again, setAgain] = useState('');
  const [tried, setTried] = useState(false);
  const differs = text !== again ? say('keys.problem.pin-differs') : undefined;
  const length = text.length < 6 || text.length > 8 ? say('keys.problem.pin-length') : undefined;
  const change = async () => {
    setTried(true);
    if (differs !== undefined || length !== undefined) return;
    const pin = new TextEncoder().encode(text);
    const changed = await run('pin', `card.${means}`, { card: card.id, pin }, say('keys.card.pin-changed'));
    pin.fill(0);
    if (changed === undefined) return;
    setText('');
    setAgain('');
    onClose();
  };
  return (
    <Dialog
      title={say(`keys.card.${means}`)}
      onClose={onClose}
      actions={
        <Button kind="primary" busy={busy !== undefined} onClick={() => void change()}>
          {say('keys.card.set-pin')}
        </Button>
      }
    >
      <p>{say(`keys.card.${means}-text`)}</p>
      <div className="form-row">
        <TextField
          label={say('keys.card.new-pin')}
          hint={say('keys.card.new-pin-hint')}
          type="password"
          inputMode="numeric"
          maxLength={8}
          value={text}
          problem={tried ? length : undefined}
          autoFocus
          onText={setText}
        />
        <TextField
          label={say('keys.again')}
          type="password"
          inputMode="numeric"
          maxLength={8}
          value={again}
          problem={tried ? differs : undefined}
          onText={setAgain}
        />
      </div>
    </Dialog>
  );
}
