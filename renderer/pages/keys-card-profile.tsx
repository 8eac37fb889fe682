// A profile on the card itself, with what it needs, so that the card alone connects another computer.
import { useState } from 'react';
import type { CardStatus } from '../../main/control/card-values.ts';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Field } from '../components/field.tsx';
import { useActions } from '../state/actions.ts';
import { useWindowState } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';
import { ManagementKeyFields, useManagementKey } from './keys-management-key.tsx';

interface CardProfileProperties {
  readonly card: CardStatus;
  readonly onClose: () => void;
}

export function CardProfileDialog({ card, onClose }: CardProfileProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const { service } = useWindowState();
  const managementKey = useManagementKey();
  const profiles =
    service.service === 'present' ? service.profiles.filter(({ role }) => role === 'client') : [];
  const [profile, setProfile] = useState(
    (profiles.find(({ authentication }) => authentication === 'card') ?? profiles[0])?.name ?? '',
  );
  const [tried, setTried] = useState(false);
  const store = async () => {
    setTried(true);
    const key = managementKey.bytes();
    if (key === undefined || profile === '') return;
    const parameters = { card: card.id, profile, managementKey: key };
    const stored = await run('store', 'card.store', parameters, say('keys.card.stored', { profile }));
    key.fill(0);
    if (stored !== undefined) onClose();
  };
  return (
    <Dialog
      title={say('keys.card.store')}
      onClose={onClose}
      actions={
        <Button
          kind="primary"
          busy={busy !== undefined}
          disabled={profile === ''}
          onClick={() => void store()}
        >
          {say('keys.card.write')}
        </Button>
      }
    >
      <p>{say('keys.card.store-text')}</p>
      <div className="form">
        <Field label={say('keys.card.profile')}>
          {(properties) => (
            <select {...properties} value={profile} onChange={(event) => setProfile(event.target.value)}>
              {profiles.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          )}
        </Field>
        <ManagementKeyFields managementKey={managementKey} tried={tried} />
      </div>
    </Dialog>
  );
}

export function EraseCardProfileDialog({ card, onClose }: CardProfileProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const managementKey = useManagementKey();
  const [tried, setTried] = useState(false);
  const erase = async () => {
    setTried(true);
    const key = managementKey.bytes();
    if (key === undefined) return;
    const parameters = { card: card.id, managementKey: key };
    const erased = await run('erase', 'card.erase', parameters, say('keys.card.erased'));
    key.fill(0);
    if (erased !== undefined) onClose();
  };
  return (
    <Dialog
      title={say('keys.card.erase')}
      onClose={onClose}
      actions={
        <Button kind="danger" busy={busy !== undefined} onClick={() => void erase()}>
          {say('keys.card.erase-action')}
        </Button>
      }
    >
      <p>{say('keys.card.erase-text')}</p>
      <div className="form">
        <ManagementKeyFields managementKey={managementKey} tried={tried} />
      </div>
    </Dialog>
  );
}
