// The service is not there: what that means, and the way to the checklist that mends it.
import type { Go } from '../app.tsx';
import { Button } from '../components/button.tsx';
import { Card, EmptyState } from '../components/card.tsx';
import { useWindowState } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';

export function ServiceAway({ go }: { readonly go: Go }) {
  const { say } = useWords();
  const { service } = useWindowState();
  if (service.service === 'starting') {
    return (
      <div className="page">
        <h1 className="visually-hidden">SealNIC</h1>
        <EmptyState title={say('away.starting')} text={say('away.starting-text')} />
      </div>
    );
  }
  return (
    <div className="page">
      <h1 className="visually-hidden">SealNIC</h1>
      <Card>
        <EmptyState title={say('away.title')} text={say('away.text')}>
          <Button kind="primary" onClick={() => go({ page: 'connection' })}>
            {say('away.mend')}
          </Button>
        </EmptyState>
        {service.service === 'away' && (
          <p className="hint">{say('away.path', { path: service.controlPath })}</p>
        )}
      </Card>
    </div>
  );
}
