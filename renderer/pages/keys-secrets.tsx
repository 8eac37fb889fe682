// What lies in vaults and in the service's files: names, kinds and who uses them. What a secret says is never shown.
import { useEffect, useState } from 'react';
import { Badge } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { Card, EmptyState } from '../components/card.tsx';
import { Confirmation } from '../components/dialog.tsx';
import { Icon } from '../components/icon.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { Table } from '../components/table.tsx';
import { instantText } from '../logic/format.ts';
import { type SecretGroup, type SecretLine, secretGroups } from '../logic/vault-view.ts';
import { useActions } from '../state/actions.ts';
import { useLook } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';
import { AddSecretDialog } from './keys-secret-dialog.tsx';
import { useVaults } from './keys-vaults.tsx';

export function KeysSecrets() {
  const { say } = useWords();
  const vaults = useVaults();
  const keys = useLook('keys.list', {}, 0);
  const files = useLook('secrets.list', {}, 0);
  const [adding, setAdding] = useState(false);
  const { reload: reloadKeys } = keys;
  const { reload: reloadFiles } = files;
  const reload = () => {
    reloadKeys();
    reloadFiles();
  };
  const shown = JSON.stringify(
    vaults.map(({ name, generation, compartments }) => [name, generation, compartments]),
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: looked at anew when a vault changed, opened or closed
  useEffect(reloadKeys, [reloadKeys, shown]);
  const failure = keys.failure ?? files.failure;
  if (failure !== undefined) return <FailureNotice failure={failure} />;
  if (keys.value === undefined || files.value === undefined) return null;
  const groups = secretGroups(vaults, keys.value.keys, files.value.secrets);
  const addButton = (
    <Button kind="primary" icon={<Icon name="add" />} onClick={() => setAdding(true)}>
      {say('keys.secret.add')}
    </Button>
  );
  return (
    <>
      {groups.length === 0 ? (
        <Card>
          <EmptyState title={say('keys.secret.none.title')} text={say('keys.secret.none.text')}>
            {addButton}
          </EmptyState>
        </Card>
      ) : (
        <>
          <div className="actions">{addButton}</div>
          {groups.map((group) => (
            <Group
              key={`${group.place?.vault}/${group.place?.compartment}`}
              group={group}
              onChanged={reload}
            />
          ))}
        </>
      )}
      {adding && (
        <AddSecretDialog
          vaults={vaults}
          onClose={() => {
            setAdding(false);
            reload();
          }}
        />
      )}
    </>
  );
}

function Group({ group, onChanged }: { readonly group: SecretGroup; readonly onChanged: () => void }) {
  const { say, language } = useWords();
  const { busy, run } = useActions();
  const [removing, setRemoving] = useState<SecretLine>();
  const { place, open, lines } = group;
  const title = place === undefined ? say('keys.secret.files') : say('keys.secret.place', { ...place });
  const remove = async ({ name, kind }: SecretLine) => {
    setRemoving(undefined);
    const done = say('keys.secret.removed', { name });
    if (kind === 'associations') return;
    const removed =
      place === undefined
        ? await run('remove', 'secrets.remove', { name }, done)
        : await run('remove', 'keys.remove', { name, kind, vault: place.vault }, done);
    if (removed !== undefined) onChanged();
  };
  return (
    <Card title={title} actions={!open && <Badge tone="idle">{say('keys.state.locked')}</Badge>}>
      {lines.length === 0 ? (
        <p className="hint">{say(open ? 'keys.secret.empty' : 'keys.secret.unknown')}</p>
      ) : (
        <Table
          caption={title}
          rows={lines}
          keyOf={({ kind, name }) => `${kind}/${name}`}
          columns={[
            { name: say('keys.secret.name'), cell: ({ name }) => <strong>{name}</strong> },
            { name: say('keys.secret.kind'), cell: ({ kind }) => say(`keys.kind.${kind}`) },
            {
              name: say('keys.secret.stored'),
              cell: ({ storedAt }) =>
                storedAt === undefined ? '–' : instantText(storedAt, Date.now(), language),
            },
            {
              name: say('keys.secret.used-by'),
              cell: ({ usedBy }) => (usedBy.length === 0 ? say('keys.secret.unused') : usedBy.join(', ')),
            },
            {
              name: say('keys.remove'),
              quietName: true,
              cell: (line) =>
                open &&
                line.kind !== 'associations' && (
                  <Button
                    busy={busy !== undefined}
                    aria-label={say('keys.remove-named', { name: line.name })}
                    onClick={() => setRemoving(line)}
                  >
                    {say('keys.remove')}
                  </Button>
                ),
            },
          ]}
        />
      )}
      {removing !== undefined && (
        <Confirmation
          title={say('keys.secret.remove-title', { name: removing.name })}
          text={
            removing.usedBy.length === 0
              ? say('keys.secret.remove-text')
              : say('keys.secret.remove-used', { profiles: removing.usedBy.join(', ') })
          }
          action={say('keys.remove')}
          onConfirm={() => void remove(removing)}
          onClose={() => setRemoving(undefined)}
        />
      )}
    </Card>
  );
}
