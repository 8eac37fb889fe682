// The service is not there: what that means, and the one thing to do.
import { Button } from '../components/button.tsx';
import { Card, EmptyState } from '../components/card.tsx';
import { useToasts } from '../components/toast.tsx';
import { copyText } from '../state/clipboard.ts';
import { useWindowState } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';

const startCommand = 'sudo systemctl start sealnic';

export function ServiceAway() {
  const { say } = useWords();
  const toasts = useToasts();
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
          <code className="command">{startCommand}</code>
          <Button
            kind="primary"
            onClick={() => {
              if (copyText(startCommand)) toasts.done(say('away.copied'));
            }}
          >
            {say('away.copy')}
          </Button>
        </EmptyState>
        {service.service === 'away' && (
          <p className="hint">{say('away.path', { path: service.controlPath })}</p>
        )}
      </Card>
    </div>
  );
}
