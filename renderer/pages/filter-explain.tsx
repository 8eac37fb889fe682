// What would happen to a packet: asked by address, name or five-tuple, answered with the row that decides.
import { type FormEvent, useState } from 'react';
import type { ControlFailure } from '../../main/control/failure.ts';
import type { Explanation } from '../../main/control/values.ts';
import { Button } from '../components/button.tsx';
import { Card, Facts } from '../components/card.tsx';
import { Field, TextField } from '../components/field.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { endpointText } from '../logic/filter-view.ts';
import { useInvoke } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';
import { ActionBadge } from './action-badge.tsx';
import { originText } from './filter-rows.tsx';

const protocols = ['', 'tcp', 'udp', 'icmp', 'icmpv6'] as const;

export function FilterExplain() {
  const { say } = useWords();
  const invoke = useInvoke();
  const [destination, setDestination] = useState('');
  const [protocol, setProtocol] = useState('');
  const [port, setPort] = useState('');
  const [sourcePort, setSourcePort] = useState('');
  const [source, setSource] = useState('');
  const [tried, setTried] = useState(false);
  const [failure, setFailure] = useState<ControlFailure>();
  const [explanations, setExplanations] = useState<readonly Explanation[]>([]);

  const ask = async (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (destination.trim() === '' || !isPort(port) || !isPort(sourcePort)) return;
    const answer = await invoke('filter.explain', {
      destination: destination.trim(),
      ...(source.trim() !== '' && { source: source.trim() }),
      ...(protocol !== '' && { protocol }),
      ...(port.trim() !== '' && { destinationPort: Number(port) }),
      ...(sourcePort.trim() !== '' && { sourcePort: Number(sourcePort) }),
    });
    setFailure(answer.ok ? undefined : answer.failure);
    setExplanations(answer.ok ? answer.value.explanations : []);
  };

  return (
    <>
      <Card title={say('explain.title')}>
        <form className="form" onSubmit={(event) => void ask(event)}>
          <div className="form-row">
            <TextField
              label={say('explain.destination')}
              placeholder="intranet.example.org"
              value={destination}
              required
              onText={setDestination}
            />
            <Field label={say('filter.field.protocol')}>
              {(properties) => (
                <select
                  {...properties}
                  value={protocol}
                  onChange={(event) => setProtocol(event.target.value)}
                >
                  {protocols.map((each) => (
                    <option key={each} value={each}>
                      {each === '' ? say('explain.any-protocol') : each}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <TextField
              label={say('explain.port')}
              value={port}
              inputMode="numeric"
              placeholder="443"
              problem={tried && !isPort(port) ? say('explain.port-problem') : undefined}
              onText={setPort}
            />
            <TextField
              label={say('explain.source')}
              value={source}
              placeholder={say('explain.source-default')}
              onText={setSource}
            />
            <TextField
              label={say('explain.source-port')}
              value={sourcePort}
              inputMode="numeric"
              problem={tried && !isPort(sourcePort) ? say('explain.port-problem') : undefined}
              onText={setSourcePort}
            />
          </div>
          <div className="actions">
            <Button kind="primary" type="submit">
              {say('explain.ask')}
            </Button>
          </div>
        </form>
      </Card>
      {failure !== undefined && <FailureNotice failure={failure} />}
      <div aria-live="polite" className="tab-panel">
        {explanations.map((explanation) => (
          <ExplanationCard
            key={`${explanation.source} ${explanation.destination}`}
            explanation={explanation}
          />
        ))}
      </div>
    </>
  );
}

/** Nothing, or a number from 0 to 65535. */
function isPort(text: string): boolean {
  return text.trim() === '' || (/^\d{1,5}$/.test(text.trim()) && Number(text) <= 65535);
}

function ExplanationCard({ explanation }: { readonly explanation: Explanation }) {
  const { say, message } = useWords();
  const { action, source, sourcePort, destination, destinationPort, protocol } = explanation;
  return (
    <Card>
      <div className="actions">
        <ActionBadge action={action} />
        <strong>{say(`outcome.${explanation.outcome}`)}</strong>
      </div>
      <p className="fixed">
        {protocol} {endpointText(source, sourcePort)} → {endpointText(destination, destinationPort)}
      </p>
      <Facts
        facts={[
          { name: say('explain.row'), value: message(explanation.rowLabel) },
          { name: say('explain.origin'), value: originText(explanation.origin, say) },
          { name: say('filter.column.enforced'), value: say(`enforced.${explanation.enforcedBy}`) },
          { name: say('filter.field.profile'), value: explanation.profile },
          { name: 'SPI', value: explanation.spi },
          { name: say('explain.reason'), value: message(explanation.reason), wide: true },
        ]}
      />
      {explanation.passed.length > 0 && (
        <>
          <h3>{say('explain.passed')}</h3>
          <ul className="list">
            {explanation.passed.map(({ rowId, rowLabel, difference }) => (
              <li key={rowId}>
                {message(rowLabel)}: {message(difference)}
              </li>
            ))}
          </ul>
        </>
      )}
    </Card>
  );
}
