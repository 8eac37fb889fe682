// The vaults that the service knows, and the ways to a further one: made here, or made elsewhere and taken up.
import { useState } from 'react';
import type { VaultSummary } from '../../main/control/vault-values.ts';
import { Button } from '../components/button.tsx';
import { Card, EmptyState } from '../components/card.tsx';
import { Icon } from '../components/icon.tsx';
import { useWindowState } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';
import { CreateVaultDialog } from './keys-create-dialog.tsx';
import { EnrolDialog } from './keys-place.tsx';
import { VaultCard } from './keys-vault.tsx';

/** Of the service's state, which follows what happens elsewhere. */
export function useVaults(): readonly VaultSummary[] {
  const { service } = useWindowState();
  return service.service === 'present' ? service.status.vaults : [];
}

export function KeysVaults() {
  const { say } = useWords();
  const vaults = useVaults();
  const [dialog, setDialog] = useState<'create' | 'enrol'>();
  const buttons = (
    <>
      <Button onClick={() => setDialog('enrol')}>{say('keys.enrol')}</Button>
      <Button kind="primary" icon={<Icon name="add" />} onClick={() => setDialog('create')}>
        {say('keys.create')}
      </Button>
    </>
  );
  return (
    <>
      {vaults.length === 0 ? (
        <Card>
          <EmptyState title={say('keys.none.title')} text={say('keys.none.text')}>
            {buttons}
          </EmptyState>
        </Card>
      ) : (
        <>
          <div className="actions">{buttons}</div>
          {vaults.map((vault) => (
            <VaultCard key={vault.id} vault={vault} />
          ))}
        </>
      )}
      {dialog === 'create' && <CreateVaultDialog onClose={() => setDialog(undefined)} />}
      {dialog === 'enrol' && <EnrolDialog onClose={() => setDialog(undefined)} />}
    </>
  );
}
