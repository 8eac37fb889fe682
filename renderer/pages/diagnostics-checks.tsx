// Whether this computer is in order, what was dropped and why, and what its network looks like.
import type { ReactNode } from 'react';
import type { Finding, TerminalInformationValue } from '../../main/control/values.ts';
import { type BadgeTone, StateShape } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { Card, Facts } from '../components/card.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { Count } from '../components/quantity.tsx';
import { Table } from '../components/table.tsx';
import { useActions } from '../state/actions.ts';
import { useLook, useWindowState } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';

const tones: Readonly<Record<Finding['severity'], BadgeTone>> = {
  good: 'good',
  warning: 'warning',
  problem: 'bad',
};

export function DiagnosticsChecks() {
  const terminal = useLook('terminal.information', {}, 10_000);
  return (
    <>
      <DoctorCard />
      <DropsCard />
      {terminal.value !== undefined && <TerminalCard information={terminal.value} />}
      {terminal.failure !== undefined && <FailureNotice failure={terminal.failure} />}
    </>
  );
}

function DoctorCard() {
  const { say } = useWords();
  const { busy, run } = useActions();
  const { value, failure, reload } = useLook('doctor.check', {}, 0);
  const findings = value?.findings ?? [];
  const repair = async (code: string) => {
    const result = await run(code, 'doctor.repair', {}, say('diagnostics.repaired'));
    if (result !== undefined) reload();
  };
  return (
    <Card
      title={say('diagnostics.checks')}
      actions={<Button onClick={reload}>{say('diagnostics.check-again')}</Button>}
    >
      {failure !== undefined && <FailureNotice failure={failure} />}
      {findings.map((finding) => (
        <FindingLine key={finding.code} finding={finding}>
          {finding.repairable && finding.severity !== 'good' && (
            <Button
              busy={busy === finding.code}
              onClick={() => void repair(finding.code)}
              aria-label={say('diagnostics.repair-this', {
                what: say(`check.${finding.code}`, { defaultValue: finding.code }),
              })}
            >
              {say('diagnostics.repair')}
            </Button>
          )}
        </FindingLine>
      ))}
    </Card>
  );
}

function FindingLine({ finding, children }: { readonly finding: Finding; readonly children: ReactNode }) {
  const { say, message: words } = useWords();
  const { code, severity, message, advice, changes = [] } = finding;
  return (
    <div className="finding">
      <StateShape tone={tones[severity]} size={16} />
      <div className="finding-text">
        <p>
          <strong>{say(`severity.${severity}`)}</strong> {say(`check.${code}`, { defaultValue: code })}
        </p>
        <p className="hint">
          {words(message)} {advice !== undefined && words(advice)}
        </p>
        {changes.length > 0 && (
          <ul className="hint">
            {changes.map((change) => (
              <li key={words(change)}>{words(change)}</li>
            ))}
          </ul>
        )}
      </div>
      {children}
    </div>
  );
}

function DropsCard() {
  const { say } = useWords();
  const { service } = useWindowState();
  if (service.service !== 'present') return null;
  const drops = Object.entries(service.status.drops).sort(([, a], [, b]) => b - a);
  return (
    <Card title={say('diagnostics.drops')}>
      {drops.length === 0 ? (
        <p className="hint">{say('diagnostics.no-drops')}</p>
      ) : (
        <Table
          caption={say('diagnostics.drops')}
          size="small"
          rows={drops}
          keyOf={([reason]) => reason}
          columns={[
            {
              name: say('diagnostics.reason'),
              cell: ([reason]) => say(`drop.${reason}`, { defaultValue: reason }),
            },
            {
              name: say('diagnostics.packets'),
              numeric: true,
              cell: ([, count]) => <Count value={count} />,
            },
          ]}
        />
      )}
    </Card>
  );
}

function TerminalCard({ information }: { readonly information: TerminalInformationValue }) {
  const { say } = useWords();
  return (
    <Card title={say('diagnostics.terminal')}>
      <Facts
        facts={[
          { name: say('diagnostics.host-name'), value: information.hostName },
          { name: say('diagnostics.default4'), value: information.defaultLink4 ?? say('diagnostics.none') },
          { name: say('diagnostics.default6'), value: information.defaultLink6 ?? say('diagnostics.none') },
        ]}
      />
      <Table
        caption={say('diagnostics.links')}
        rows={information.links}
        keyOf={({ index }) => String(index)}
        columns={[
          { name: say('diagnostics.link'), cell: ({ name }) => name },
          {
            name: say('diagnostics.link-state'),
            cell: ({ up }) => say(up ? 'diagnostics.up' : 'diagnostics.down'),
          },
          { name: say('diagnostics.addresses'), cell: ({ addresses }) => addresses.join(', ') || '–' },
          {
            name: say('diagnostics.hardware'),
            cell: ({ hardwareAddress }) => <span className="fixed">{hardwareAddress ?? '–'}</span>,
          },
          { name: 'MTU', numeric: true, cell: ({ mtu }) => <Count value={mtu} /> },
        ]}
      />
    </Card>
  );
}
