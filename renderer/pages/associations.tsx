// Every IKE SA and its child SAs: what they are, how much of their life is used up, and the two things one can do.
import { useState } from 'react';
import type { Go } from '../app.tsx';
import { Button } from '../components/button.tsx';
import { Card, EmptyState } from '../components/card.tsx';
import { Confirmation } from '../components/dialog.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { associationGroups } from '../logic/association-view.ts';
import { useActions } from '../state/actions.ts';
import { useLook, useNow } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';
import { ChildPair, IkeAssociationView } from './association-parts.tsx';

interface Deleting {
  readonly spi: string;
  readonly layer: 'ike' | 'child';
}

export function AssociationsPage({ go }: { readonly go: Go }) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const now = useNow();
  const { value, failure, reload } = useLook('sa.list', {}, 1000);
  const [deleting, setDeleting] = useState<Deleting>();
  const groups = associationGroups(value?.ike ?? [], value?.children ?? []);

  const rekey = async (profile: string, layer: 'ike' | 'child') => {
    await run(`${profile} ${layer}`, 'sa.rekey', { profile, layer }, say('associations.rekeyed'));
    reload();
  };
  const deleteNow = async ({ spi }: Deleting) => {
    setDeleting(undefined);
    await run(spi, 'sa.delete', { spi }, say('associations.deleted'));
    reload();
  };

  return (
    <div className="page">
      <header className="page-header">
        <h1>{say('navigation.associations')}</h1>
      </header>
      {failure !== undefined && <FailureNotice failure={failure} />}
      {value !== undefined && groups.length === 0 && (
        <Card>
          <EmptyState title={say('associations.none')} text={say('associations.none-text')}>
            <Button kind="primary" onClick={() => go({ page: 'connection' })}>
              {say('associations.go')}
            </Button>
          </EmptyState>
        </Card>
      )}
      {groups.map(({ profile, ike, pairs }) => (
        <Card
          key={profile}
          title={profile}
          actions={
            <>
              <Button
                busy={busy === `${profile} ike`}
                disabled={ike.length === 0}
                onClick={() => void rekey(profile, 'ike')}
              >
                {say('associations.rekey-ike')}
              </Button>
              <Button
                busy={busy === `${profile} child`}
                disabled={pairs.length === 0}
                onClick={() => void rekey(profile, 'child')}
              >
                {say('associations.rekey-child')}
              </Button>
            </>
          }
        >
          {ike.map((each) => (
            <IkeAssociationView
              key={each.initiatorSpi}
              ike={each}
              now={now}
              onDelete={() =>
                setDeleting({
                  spi: each.role === 'initiator' ? each.initiatorSpi : each.responderSpi,
                  layer: 'ike',
                })
              }
            />
          ))}
          {pairs.map((pair) => (
            <ChildPair
              key={pair.map(({ spi }) => spi).join(' ')}
              pair={pair}
              now={now}
              onDelete={(spi) => setDeleting({ spi, layer: 'child' })}
            />
          ))}
        </Card>
      ))}
      {deleting !== undefined && (
        <Confirmation
          title={say('associations.delete-title')}
          text={say(`associations.delete-${deleting.layer}`, { spi: deleting.spi })}
          action={say('associations.delete')}
          onConfirm={() => void deleteNow(deleting)}
          onClose={() => setDeleting(undefined)}
        />
      )}
    </div>
  );
}
