// What a person has to know about a connection that is not as it should be: what is blocked, what failed, what to do.
import { useState } from 'react';
import type { Go } from '../app.tsx';
import { Button } from '../components/button.tsx';
import { Notice } from '../components/notice.tsx';
import { Duration } from '../components/quantity.tsx';
import type { ConnectionView } from '../logic/connection-view.ts';
import { remedyOf } from '../logic/failures.ts';
import { useActions } from '../state/actions.ts';
import { useNow } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';
import { SecretDialog } from './secret-dialog.tsx';

interface NoticesProperties {
  readonly view: ConnectionView;
  readonly go: Go;
}

export function ConnectionNotices({ view, go }: NoticesProperties) {
  const { say, fileProblem } = useWords();
  const { profile, status, state, problem } = view;
  const down = state !== 'connected' && state !== 'disconnected' && state !== 'invalid';
  return (
    <>
      {state === 'invalid' && (
        <Notice tone="warning" title={say('connection.invalid')} text={problem && fileProblem(problem)}>
          <Button onClick={() => go({ page: 'profiles', profile })}>{say('remedy.edit-profile')}</Button>
        </Notice>
      )}
      {down && status?.protectedTraffic === 'blocked' && (
        <Notice
          tone={state === 'connecting' ? 'busy' : 'bad'}
          title={say('connection.blocked.title')}
          text={say(status.lockdown ? 'connection.blocked.lockdown' : 'connection.blocked.text')}
        />
      )}
      {down && status?.protectedTraffic === 'clear' && (
        <Notice tone="warning" title={say('connection.clear.title')} text={say('connection.clear.text')} />
      )}
      {state === 'connected' && view.whenDown !== undefined && (
        <p className="hint">
          {say(`connection.when-down.${status?.lockdown === true ? 'lockdown' : view.whenDown}`)}
        </p>
      )}
      {view.showsFailure && <ConnectionFailure view={view} go={go} />}
    </>
  );
}

function ConnectionFailure({ view, go }: NoticesProperties) {
  const { say, connectionFailure } = useWords();
  const now = useNow();
  const [storing, setStoring] = useState(false);
  const { busy, run } = useActions();
  const { profile, status } = view;
  if (status?.failure === undefined) return null;
  const { what, next } = connectionFailure(profile, status.failure);
  const remedy = remedyOf(status.failure);
  const secret = status.failure.code === 'secret-missing' ? status.failure.name : undefined;
  return (
    <Notice tone="warning" title={what} text={next} role="alert">
      {remedy === 'store-secret' && (
        <Button onClick={() => setStoring(true)}>{say('remedy.store-secret')}</Button>
      )}
      {remedy === 'edit-profile' && (
        <Button onClick={() => go({ page: 'profiles', profile })}>{say('remedy.edit-profile')}</Button>
      )}
      {status.failure.code === 'captive-portal' && status.failure.url !== undefined && (
        <Button
          kind="primary"
          busy={busy === 'portal'}
          onClick={() => void run('portal', 'portal.open', { profile })}
        >
          {say('remedy.sign-in')}
        </Button>
      )}
      {remedy === 'doctor' && (
        <Button onClick={() => go({ page: 'diagnostics' })}>{say('remedy.doctor')}</Button>
      )}
      {status.nextAttemptAt !== undefined && status.nextAttemptAt > now && (
        <span className="hint">
          {say('connection.next-attempt')} <Duration milliseconds={status.nextAttemptAt - now} />
        </span>
      )}
      {storing && (
        <SecretDialog profile={profile} suggested={secret ?? profile} onClose={() => setStoring(false)} />
      )}
    </Notice>
  );
}
