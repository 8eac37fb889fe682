// The connection page: one profile large, the others one choice away.
import { useState } from 'react';
import type { Go } from '../app.tsx';
import { StateShape } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { Card } from '../components/card.tsx';
import { Duration } from '../components/quantity.tsx';
import { Tabs } from '../components/tabs.tsx';
import { type ConnectionButton, type ConnectionView, connectionViews } from '../logic/connection-view.ts';
import { instantText } from '../logic/format.ts';
import { useActions } from '../state/actions.ts';
import { useNow, useWindowState } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';
import { ConnectionDetails } from './connection-details.tsx';
import { ConnectionNotices } from './connection-notices.tsx';
import { toneOf } from './connection-state.tsx';
import { SetupCard } from './setup.tsx';

interface ConnectionPageProperties {
  readonly go: Go;
  /** The profile to begin with. */
  readonly first?: string | undefined;
}

export function ConnectionPage({ go, first }: ConnectionPageProperties) {
  const { say } = useWords();
  const { service } = useWindowState();
  const [chosen, choose] = useState(first);
  if (service.service !== 'present') return <Missing go={go} />;
  const views = connectionViews(service.status, service.profiles);
  const view = views.find(({ profile }) => profile === chosen) ?? views[0];
  if (view === undefined) return <Missing go={go} />;
  const shown = <Connection key={view.profile} view={view} go={go} />;
  return (
    <div className="page">
      <h1 className="visually-hidden">{say('navigation.connection')}</h1>
      <SetupCard go={go} />
      {views.length === 1 ? (
        shown
      ) : (
        <Tabs
          label={say('connection.choose')}
          tabs={views.map(({ profile, state }) => ({
            id: profile,
            label: (
              <>
                <StateShape tone={toneOf(state)} size={12} />
                {profile}
                <span className="visually-hidden">, {say(`state.${state}`)}</span>
              </>
            ),
          }))}
          selected={view.profile}
          onSelect={choose}
        >
          {shown}
        </Tabs>
      )}
    </div>
  );
}

/** Nothing can be connected yet. */
function Missing({ go }: { readonly go: Go }) {
  const { say } = useWords();
  return (
    <div className="page">
      <h1 className="visually-hidden">{say('navigation.connection')}</h1>
      <SetupCard go={go} />
    </div>
  );
}

function Connection({ view, go }: { readonly view: ConnectionView; readonly go: Go }) {
  return (
    <>
      <Hero view={view} />
      <ConnectionNotices view={view} go={go} />
      <ConnectionDetails view={view} />
    </>
  );
}

function Hero({ view }: { readonly view: ConnectionView }) {
  const { say, language } = useWords();
  const now = useNow();
  const { status, state, profile, gateway, role } = view;
  return (
    <Card className="hero">
      <div className="hero-state">
        <StateShape tone={toneOf(state)} size={48} />
        <div className="hero-text">
          <p className="hero-word" role="status">
            {say(`state.${state}`)}
          </p>
          <p>
            {role === 'gateway' || gateway === undefined
              ? profile
              : say('connection.to', { profile, gateway })}
          </p>
          <p className="hint">
            {status !== undefined && state !== 'disconnected' ? (
              <>
                {say('connection.since', { at: instantText(status.since, now, language) })}
                {' · '}
                <Duration milliseconds={now - status.since} />
              </>
            ) : (
              say(role === 'gateway' ? 'connection.as-gateway' : 'connection.idle')
            )}
          </p>
        </div>
      </div>
      <ConnectionButtons view={view} />
    </Card>
  );
}

function ConnectionButtons({ view }: { readonly view: ConnectionView }) {
  const { say } = useWords();
  const { busy, run } = useActions();
  const { profile } = view;
  const press = (button: ConnectionButton) => {
    switch (button) {
      case 'connect':
        return run(button, 'connection.up', { profile, wait: false });
      case 'retry':
        return run(button, 'connection.retry', { profile });
      default:
        return run(button, 'connection.down', { profile });
    }
  };
  return (
    <div className="actions">
      {view.buttons.map((button, place) => (
        <Button
          // By its place: the focus stays when "Connect" becomes "Cancel" and "Disconnect".
          // biome-ignore lint/suspicious/noArrayIndexKey: the place is what stays
          key={place}
          className="button-large"
          kind={button === 'connect' || button === 'retry' ? 'primary' : 'plain'}
          busy={busy === button}
          onClick={() => void press(button)}
        >
          {say(`connection.button.${button}`)}
        </Button>
      ))}
    </div>
  );
}
