// The frame: language and theme from the settings, navigation, and the page that was chosen.
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { I18nextProvider } from 'react-i18next';
import { StateShape } from './components/badge.tsx';
import { Icon } from './components/icon.tsx';
import { ToastArea } from './components/toast.tsx';
import { connectionViews } from './logic/connection-view.ts';
import { AssociationsPage } from './pages/associations.tsx';
import { ConnectionPage } from './pages/connection.tsx';
import { toneOf } from './pages/connection-state.tsx';
import { DiagnosticsPage } from './pages/diagnostics.tsx';
import { FilterPage } from './pages/filter.tsx';
import { KeysPage } from './pages/keys.tsx';
import { ProfilesPage } from './pages/profiles.tsx';
import { PromptDialogs } from './pages/prompt-dialog.tsx';
import { ServiceAway } from './pages/service-away.tsx';
import { SettingsPage } from './pages/settings.tsx';
import { useWindowState } from './state/hooks.ts';
import { useTheme } from './state/theme.ts';
import { setUpWords, useWords } from './state/words.ts';

export const pages = [
  'connection',
  'filter',
  'associations',
  'profiles',
  'keys',
  'diagnostics',
  'settings',
] as const;
export type PageName = (typeof pages)[number];

/** Another page can be asked for, with what it shall begin with. */
export interface Destination {
  readonly page: PageName;
  /** Profiles: open this one, or the form for a new one. Connection: show this one. */
  readonly profile?: string;
  readonly create?: boolean;
  /** Profiles: the system's dialog for a file to import. */
  readonly importFile?: boolean;
}

export type Go = (destination: Destination) => void;

export function App() {
  const { settings, information } = useWindowState();
  const chosen = settings?.language ?? 'system';
  const language = chosen === 'system' ? (information?.systemLanguage ?? 'en') : chosen;
  const words = useMemo(() => setUpWords(language), [language]);
  useTheme(settings);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  return (
    <I18nextProvider i18n={words}>
      <ToastArea>
        <Frame />
      </ToastArea>
    </I18nextProvider>
  );
}

function Frame() {
  const { say } = useWords();
  const [destination, go] = useState<Destination>({ page: 'connection' });
  const { service } = useWindowState();
  const attention =
    service.service === 'present'
      ? connectionViews(service.status, service.profiles).find(
          ({ state }) => state === 'failed' || state === 'blocked',
        )
      : undefined;
  return (
    <div className="frame">
      <nav className="navigation" aria-label={say('navigation.label')}>
        <div className="navigation-title">SealNIC</div>
        {pages.map((page) => (
          <button
            key={page}
            type="button"
            aria-current={page === destination.page ? 'page' : undefined}
            onClick={() => go({ page })}
          >
            <Icon name={page} />
            {say(`navigation.${page}`)}
            {page === 'connection' && attention !== undefined && (
              <span className="mark">
                <StateShape tone={toneOf(attention.state)} size={12} />
                <span className="visually-hidden">{say(`state.${attention.state}`)}</span>
              </span>
            )}
          </button>
        ))}
      </nav>
      <main className="content" key={destination.page}>
        {pageOf(destination, go, service.service)}
      </main>
      <PromptDialogs />
    </div>
  );
}

function pageOf(destination: Destination, go: Go, service: string): ReactNode {
  // The settings are the app's own: they need no service.
  if (destination.page === 'settings') return <SettingsPage />;
  if (destination.page === 'connection' && service === 'away') return <ConnectionPage go={go} />;
  if (service !== 'present') return <ServiceAway go={go} />;
  switch (destination.page) {
    case 'connection':
      return <ConnectionPage go={go} first={destination.profile} />;
    case 'filter':
      return <FilterPage />;
    case 'associations':
      return <AssociationsPage go={go} />;
    case 'profiles':
      return <ProfilesPage destination={destination} go={go} />;
    case 'keys':
      return <KeysPage />;
    case 'diagnostics':
      return <DiagnosticsPage />;
  }
}
