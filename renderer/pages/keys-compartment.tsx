// One compartment of a vault: by what it is opened, what fits to it, and what can be changed while it is open.
import { useState } from 'react';
import type { VaultSummary } from '../../main/control/vault-values.ts';
import { Badge } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { Confirmation } from '../components/dialog.tsx';
import { type Compartment, hasOwnLabel } from '../logic/vault-view.ts';
import { useActions } from '../state/actions.ts';
import { useWords } from '../state/words.ts';
import { ProtectorDialog } from './keys-protector-dialog.tsx';
import { OpenByCodeDialog } from './keys-recovery-code.tsx';

interface CompartmentProperties {
  readonly vault: VaultSummary;
  readonly compartment: Compartment;
}

type Protector = Compartment['protectors'][number];

export function CompartmentPart({ vault, compartment }: CompartmentProperties) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const [dialog, setDialog] = useState<'add' | 'rotate' | 'code'>();
  const [replaced, replace] = useState<Protector>();
  const [removed, remove] = useState<Protector>();
  const { name, kind, rule, open, protectors } = compartment;
  const of = { vault: vault.name, compartment: name };
  const hasCode = protectors.some(({ type }) => type === 'recovery');
  const openIt = () => run('open', 'vault.open', of, say('keys.opened', { name }));
  return (
    <section className="compartment" aria-label={say('keys.compartment', { name, vault: vault.name })}>
      <header className="card-header">
        <div className="profile-name">
          <h3>{name}</h3>
          <Badge tone={open ? 'good' : 'idle'}>{say(open ? 'keys.state.open' : 'keys.state.locked')}</Badge>
          {kind === 'card' && <Badge tone="idle">{say('keys.card-compartment')}</Badge>}
        </div>
        <div className="actions">
          {!open && vault.present && vault.compartments.length > 1 && (
            <Button busy={busy === 'open'} onClick={() => void openIt()}>
              {say('keys.open')}
            </Button>
          )}
          {!open && vault.present && hasCode && (
            <Button onClick={() => setDialog('code')}>{say('keys.open-by-code')}</Button>
          )}
          {open && <Button onClick={() => setDialog('add')}>{say('keys.add-protector')}</Button>}
          {open && (
            <Button busy={busy === 'rotate'} onClick={() => setDialog('rotate')}>
              {say('keys.rotate')}
            </Button>
          )}
        </div>
      </header>
      <p className="hint">
        {say(protectors.length === 1 ? 'keys.rule-one' : `keys.rule-${rule}`)}
        {kind === 'card' && ` ${say('keys.card-compartment-hint')}`}
      </p>
      <ul className="protectors">
        {protectors.map((protector) => (
          <li key={protector.id}>
            <span>
              <strong>{say(`keys.protector.${protector.type}`)}</strong>
              {hasOwnLabel(protector) && <span className="hint"> {protector.label}</span>}
            </span>
            {open && (
              <span className="actions">
                <Button
                  kind="quiet"
                  aria-label={say('keys.replace-named', { name: say(`keys.protector.${protector.type}`) })}
                  onClick={() => replace(protector)}
                >
                  {say('keys.replace')}
                </Button>
                {protectors.length > 1 && (
                  <Button
                    kind="quiet"
                    aria-label={say('keys.remove-named', { name: say(`keys.protector.${protector.type}`) })}
                    onClick={() => remove(protector)}
                  >
                    {say('keys.remove')}
                  </Button>
                )}
              </span>
            )}
          </li>
        ))}
      </ul>
      {dialog === 'add' && <ProtectorDialog of={of} kind={kind} onClose={() => setDialog(undefined)} />}
      {replaced !== undefined && (
        <ProtectorDialog of={of} kind={kind} replaces={replaced} onClose={() => replace(undefined)} />
      )}
      {dialog === 'code' && <OpenByCodeDialog of={of} onClose={() => setDialog(undefined)} />}
      {dialog === 'rotate' && (
        <Confirmation
          title={say('keys.rotate-title', { name })}
          text={say('keys.rotate-text')}
          action={say('keys.rotate')}
          onConfirm={() => {
            setDialog(undefined);
            void run('rotate', 'vault.rotate', of, say('keys.rotated', { name }));
          }}
          onClose={() => setDialog(undefined)}
        />
      )}
      {removed !== undefined && (
        <Confirmation
          title={say('keys.remove-protector-title', { name: say(`keys.protector.${removed.type}`) })}
          text={say('keys.remove-protector-text')}
          action={say('keys.remove')}
          onConfirm={() => {
            remove(undefined);
            const done = say('keys.protector-removed');
            void run('remove', 'keys.remove-protector', { ...of, id: removed.id }, done);
          }}
          onClose={() => remove(undefined)}
        />
      )}
    </section>
  );
}
