// Diagnostics: is this computer in order, what did the service write down, something for whoever helps, and packets.
import { useState } from 'react';
import { Button } from '../components/button.tsx';
import { Tabs } from '../components/tabs.tsx';
import { useActions } from '../state/actions.ts';
import { useWords } from '../state/words.ts';
import { DiagnosticsBundle } from './diagnostics-bundle.tsx';
import { DiagnosticsCapture } from './diagnostics-capture.tsx';
import { DiagnosticsChecks } from './diagnostics-checks.tsx';
import { DiagnosticsLog } from './diagnostics-log.tsx';

const tabs = ['checks', 'log', 'bundle', 'capture'] as const;
type TabName = (typeof tabs)[number];

export function DiagnosticsPage() {
  const { say } = useWords();
  const { run } = useActions();
  const [tab, setTab] = useState<TabName>('checks');
  return (
    <div className="page">
      <header className="page-header">
        <h1>{say('navigation.diagnostics')}</h1>
        <Button onClick={() => void run('copy', 'app.copyDiagnostics', {}, say('diagnostics.copied'))}>
          {say('diagnostics.copy')}
        </Button>
      </header>
      <Tabs
        label={say('navigation.diagnostics')}
        tabs={tabs.map((id) => ({ id, label: say(`diagnostics.tab.${id}`) }))}
        selected={tab}
        onSelect={setTab}
      >
        {tab === 'checks' && <DiagnosticsChecks />}
        {tab === 'log' && <DiagnosticsLog />}
        {tab === 'bundle' && <DiagnosticsBundle />}
        {tab === 'capture' && <DiagnosticsCapture />}
      </Tabs>
    </div>
  );
}
