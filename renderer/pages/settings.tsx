// The app's own settings. They are in force at once; main keeps them.

import type { Settings } from '../../main/tray/ipc.ts';
import { Button } from '../components/button.tsx';
import { Card, Facts } from '../components/card.tsx';
import { Choice, Switch } from '../components/field.tsx';
import { useActions } from '../state/actions.ts';
import { useInvoke, useWindowState } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';

const themes = ['system', 'light', 'dark'] as const;

export function SettingsPage() {
  const { say } = useWords();
  const { busy, run } = useActions();
  const invoke = useInvoke();
  const { settings, information, service } = useWindowState();
  if (settings === undefined) return null;
  const set = (change: Partial<Settings>) => void run('set', 'settings.set', change);
  const profiles =
    service.service === 'present' ? service.profiles.filter(({ role }) => role === 'client') : [];
  return (
    <div className="page">
      <header className="page-header">
        <h1>{say('navigation.settings')}</h1>
      </header>
      <div className="columns">
        <Card title={say('settings.look')}>
          <Choice
            label={say('settings.theme')}
            value={settings.theme}
            choices={themes.map((value) => ({ value, label: say(`settings.theme-${value}`) }))}
            onChoice={(theme) => set({ theme })}
          />
          <Choice
            label={say('settings.contrast')}
            value={settings.contrast}
            choices={(['system', 'high'] as const).map((value) => ({
              value,
              label: say(`settings.contrast-${value}`),
            }))}
            onChoice={(contrast) => set({ contrast })}
          />
          <Choice
            label={say('settings.motion')}
            value={settings.motion}
            choices={(['system', 'reduced'] as const).map((value) => ({
              value,
              label: say(`settings.motion-${value}`),
            }))}
            onChoice={(motion) => set({ motion })}
          />
          <Choice
            label={say('settings.language')}
            value={settings.language}
            choices={[
              { value: 'system', label: say('settings.language-system') },
              { value: 'en', label: 'English' },
              { value: 'ja', label: '日本語' },
            ]}
            onChoice={(language) => set({ language })}
          />
        </Card>
        <Card title={say('settings.start')}>
          <Switch
            label={say('settings.login')}
            hint={
              information?.startAtLoginSupported === false ? say('settings.login-unsupported') : undefined
            }
            disabled={information?.startAtLoginSupported === false}
            checked={settings.startAtLogin}
            onSwitch={(startAtLogin) => set({ startAtLogin })}
          />
          <fieldset className="choice">
            <legend>{say('settings.connect')}</legend>
            {profiles.length === 0 && <p className="hint">{say('settings.connect-none')}</p>}
            {profiles.map(({ name }) => (
              <Switch
                key={name}
                label={name}
                checked={settings.connectOnStart.includes(name)}
                onSwitch={(on) =>
                  set({
                    connectOnStart: on
                      ? [...settings.connectOnStart, name]
                      : settings.connectOnStart.filter((each) => each !== name),
                  })
                }
              />
            ))}
          </fieldset>
        </Card>
        {profiles.length > 0 && (
          <Card title={say('settings.lockdown')}>
            <p className="hint">{say('settings.lockdown-text')}</p>
            {profiles.map(({ name, lockdown, problem }) => (
              <Switch
                key={name}
                label={name}
                checked={lockdown === true}
                disabled={problem !== undefined || busy === name}
                onSwitch={(on) =>
                  void run(
                    name,
                    'profiles.lockdown',
                    { profile: name, on },
                    say('settings.lockdown-done', { name }),
                  ).then(() => invoke('state.refresh', {}))
                }
              />
            ))}
          </Card>
        )}
        <Card title={say('settings.messages')}>
          <Switch
            label={say('settings.notifications')}
            hint={say('settings.notifications-hint')}
            checked={settings.notifications}
            onSwitch={(notifications) => set({ notifications })}
          />
          {information?.updateCheckSupported === true && (
            <Switch
              label={say('settings.updates')}
              hint={say('settings.updates-hint')}
              checked={settings.checkForUpdates}
              onSwitch={(checkForUpdates) => set({ checkForUpdates })}
            />
          )}
          {information?.trayAvailable === false && <p className="hint">{say('settings.no-tray')}</p>}
        </Card>
        <Card title={say('settings.about')}>
          <Facts
            facts={[
              { name: say('settings.version'), value: information?.version },
              {
                name: say('settings.service-version'),
                value: service.service === 'present' ? service.status.version : say('settings.away'),
              },
              { name: 'Electron', value: information?.electronVersion },
            ]}
          />
          <div className="actions">
            <Button onClick={() => void run('quit', 'app.quit', {})}>{say('settings.quit')}</Button>
            <span className="hint">{say('settings.quit-hint')}</span>
          </div>
        </Card>
      </div>
    </div>
  );
}
