// One vault: its state in words, where it lies, its compartments, and what can be done with it.
import { useState } from 'react';
import type { VaultSummary } from '../../main/control/vault-values.ts';
import type { CommandResult } from '../../main/tray/ipc.ts';
import { Badge } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { Card, Facts } from '../components/card.tsx';
import { Confirmation, Dialog } from '../components/dialog.tsx';
import { Notice } from '../components/notice.tsx';
import { canBeAccepted, problemOf, vaultState, vaultTones } from '../logic/vault-view.ts';
import { useActions } from '../state/actions.ts';
import { useWords } from '../state/words.ts';
import { CompartmentPart } from './keys-compartment.tsx';
import { AddCompartmentDialog } from './keys-create-dialog.tsx';
import { MoveDialog } from './keys-place.tsx';

type DialogName = 'move' | 'forget' | 'erase' | 'accept' | 'compartment';

export function VaultCard({ vault }: { readonly vault: VaultSummary }) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const [dialog, setDialog] = useState<DialogName>();
  const [verified, setVerified] = useState<CommandResult<'vault.verify'>>();
  const [missing, setMissing] = useState<readonly string[]>([]);
  const { name, present, path, generation, compartments } = vault;
  const state = vaultState(vault);
  const anyOpen = compartments.some(({ open }) => open);
  const anyLocked = present && compartments.some(({ open }) => !open);
  const close = () => setDialog(undefined);

  const open = async () => {
    const result = await run('open', 'vault.open', { vault: name });
    if (result !== undefined) setMissing(result.missing);
  };
  return (
    <Card>
      <header className="card-header">
        <div className="profile-name">
          <h2>{name}</h2>
          <Badge tone={vaultTones[state]}>{say(`keys.state.${state}`)}</Badge>
          {vault.default && <Badge tone="idle">{say('keys.default')}</Badge>}
        </div>
        {/* biome-ignore lint/a11y/useSemanticElements: buttons of one vault, no form */}
        <div className="actions" role="group" aria-label={say('keys.actions', { name })}>
          {anyLocked && (
            <Button kind={anyOpen ? 'plain' : 'primary'} busy={busy === 'open'} onClick={() => void open()}>
              {say('keys.open')}
            </Button>
          )}
          {anyOpen && (
            <Button
              busy={busy === 'close'}
              onClick={() => void run('close', 'vault.close', { vault: name }, say('keys.closed', { name }))}
            >
              {say('keys.close')}
            </Button>
          )}
        </div>
      </header>
      <VaultNotices vault={vault} onAccept={() => setDialog('accept')} />
      {missing.length > 0 && anyLocked && (
        <Notice
          tone="warning"
          title={say('keys.also-needed', { protectors: missing.join(', ') })}
          role="status"
        />
      )}
      <Facts
        facts={[
          { name: say('keys.place'), value: <Place vault={vault} />, wide: true },
          { name: say('keys.generation'), value: generation === undefined ? undefined : String(generation) },
        ]}
      />
      {compartments.map((compartment) => (
        <CompartmentPart key={compartment.name} vault={vault} compartment={compartment} />
      ))}
      <div className="actions">
        {present && <Button onClick={() => setDialog('compartment')}>{say('keys.add-compartment')}</Button>}
        {present && (
          <Button
            busy={busy === 'verify'}
            onClick={async () => setVerified(await run('verify', 'vault.verify', { vault: name }))}
          >
            {say('keys.verify')}
          </Button>
        )}
        {!vault.default && (
          <Button
            busy={busy === 'default'}
            onClick={() =>
              void run('default', 'vault.make-default', { vault: name }, say('keys.made-default', { name }))
            }
          >
            {say('keys.make-default')}
          </Button>
        )}
        {path !== undefined && <Button onClick={() => setDialog('move')}>{say('keys.move')}</Button>}
        <Button kind="danger" onClick={() => setDialog('forget')}>
          {say('keys.forget')}
        </Button>
      </div>
      {verified !== undefined && (
        <Verified name={name} result={verified} onClose={() => setVerified(undefined)} />
      )}
      {dialog === 'compartment' && <AddCompartmentDialog vault={name} onClose={close} />}
      {dialog === 'move' && <MoveDialog vault={vault} onClose={close} />}
      {dialog === 'forget' && <ForgetDialog vault={vault} onClose={close} />}
      {dialog === 'accept' && (
        <Confirmation
          title={say('keys.accept-title', { name })}
          text={say('keys.accept-text')}
          action={say('keys.accept')}
          onConfirm={() => {
            close();
            void run('accept', 'vault.accept', { vault: name }, say('keys.accepted', { name }));
          }}
          onClose={close}
        />
      )}
    </Card>
  );
}

function Place({ vault: { path, removable } }: { readonly vault: VaultSummary }) {
  const { say } = useWords();
  if (path === undefined) return say(removable ? 'keys.place-medium-some' : 'keys.place-unknown');
  return (
    <>
      <span className="fixed">{path}</span>
      {removable && ` · ${say('keys.place-medium')}`}
    </>
  );
}

function VaultNotices({ vault, onAccept }: { readonly vault: VaultSummary; readonly onAccept: () => void }) {
  const { say, vaultProblem } = useWords();
  const problem = problemOf(vault);
  if (problem === undefined) {
    if (vaultState(vault) === 'absent') return <p className="hint">{say('keys.absent-hint')}</p>;
    return vault.wanted ? <Notice tone="busy" title={say('keys.wanted')} role="status" /> : null;
  }
  const acceptable = canBeAccepted(vault);
  return (
    <Notice
      tone={problem.problem === 'duplicate' || acceptable ? 'warning' : 'bad'}
      title={say('keys.unusable', { problem: vaultProblem(problem.problem) })}
      text={acceptable ? say('keys.acceptable') : undefined}
    >
      {acceptable && <Button onClick={onAccept}>{say('keys.accept')}</Button>}
    </Notice>
  );
}

interface VerifiedProperties {
  readonly name: string;
  readonly result: CommandResult<'vault.verify'>;
  readonly onClose: () => void;
}

function Verified({ name, result, onClose }: VerifiedProperties) {
  const { say } = useWords();
  return (
    <Dialog title={say('keys.verified', { name })} onClose={onClose} closeLabel={say('action.close')}>
      <p>{say('keys.verified-generation', { generation: result.generation })}</p>
      <ul className="plain-list">
        {result.compartments.map(({ name: compartment, entries }) => (
          <li key={compartment}>
            <strong>{compartment}</strong>{' '}
            {entries === undefined
              ? say('keys.verified-locked')
              : say('keys.verified-open', { count: entries })}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function ForgetDialog({ vault, onClose }: { readonly vault: VaultSummary; readonly onClose: () => void }) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const { name } = vault;
  const forget = async (erase: boolean) => {
    const result = await run(
      'forget',
      'vault.forget',
      { vault: name, erase },
      say('keys.forgotten', { name }),
    );
    if (result !== undefined) onClose();
  };
  return (
    <Dialog
      title={say('keys.forget-title', { name })}
      onClose={onClose}
      actions={
        <>
          {vault.path !== undefined && (
            <Button kind="danger" busy={busy !== undefined} onClick={() => void forget(true)}>
              {say('keys.erase')}
            </Button>
          )}
          <Button busy={busy !== undefined} onClick={() => void forget(false)}>
            {say('keys.forget-keep')}
          </Button>
        </>
      }
    >
      <p>{say('keys.forget-text')}</p>
    </Dialog>
  );
}
