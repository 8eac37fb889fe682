// The facts of a connection: throughput, addresses, algorithms in words, when keys are renewed.
import type { ConnectionStatus } from '../../main/control/values.ts';
import { Card, Facts } from '../components/card.tsx';
import { Bytes, Count, Duration, NumberWithUnit, Rate } from '../components/quantity.tsx';
import { RoundTripGraph } from '../components/round-trip-graph.tsx';
import { ThroughputGraph } from '../components/throughput-graph.tsx';
import { algorithmName, proposalNames } from '../logic/algorithms.ts';
import type { ConnectionView } from '../logic/connection-view.ts';
import { useLook, useNow, useWindowState } from '../state/hooks.ts';
import { useTheme } from '../state/theme.ts';
import { useWords } from '../state/words.ts';

type Details = NonNullable<ConnectionStatus['details']>;

export function ConnectionDetails({ view }: { readonly view: ConnectionView }) {
  const { say } = useWords();
  const { status, state, role } = view;
  if (status === undefined || state === 'disconnected' || state === 'invalid') return null;
  const { details } = status;
  if (details === undefined) {
    return (
      <Card>
        <p className="hint">{say('connection.others')}</p>
      </Card>
    );
  }
  const up = state === 'connected';
  return (
    <>
      {(up || state === 'reconnecting') && <ThroughputCard profile={view.profile} details={details} />}
      {up && role === 'client' && <RoundTripCard profile={view.profile} details={details} />}
      <div className="columns">
        <NetworkCard details={details} gateway={role === 'client' ? view.gateway : undefined} />
        {up && <SecurityCard details={details} />}
      </div>
    </>
  );
}

function ThroughputCard({ profile, details }: { readonly profile: string; readonly details: Details }) {
  const { say } = useWords();
  const now = useNow();
  const { throughput, settings } = useWindowState();
  const theme = useTheme(settings);
  const points = throughput[profile]?.points ?? [];
  const latest = points.at(-1);
  const { counters } = details;
  return (
    <Card title={say('connection.throughput')}>
      <div className="legend">
        <span className="legend-entry">
          <span className="legend-line" />
          {say('connection.received')} <Rate bytesPerSecond={latest?.received ?? 0} />
        </span>
        <span className="legend-entry legend-sent">
          <span className="legend-line" />
          {say('connection.sent')} <Rate bytesPerSecond={latest?.sent ?? 0} />
        </span>
      </div>
      <ThroughputGraph points={points} now={now} theme={theme} />
      <Facts
        facts={[
          { name: say('connection.received-total'), value: <Bytes value={counters.bytesIn} /> },
          { name: say('connection.received-packets'), value: <Count value={counters.packetsIn} /> },
          { name: say('connection.sent-total'), value: <Bytes value={counters.bytesOut} /> },
          { name: say('connection.sent-packets'), value: <Count value={counters.packetsOut} /> },
        ]}
      />
    </Card>
  );
}

/** The service measures no more often than it thinks right, however often it is asked. */
const measureEveryMilliseconds = 10_000;

function RoundTripCard({ profile, details }: { readonly profile: string; readonly details: Details }) {
  const { say } = useWords();
  const now = useNow();
  const { roundTrips, settings } = useWindowState();
  const theme = useTheme(settings);
  useLook('connection.measure', { profile }, measureEveryMilliseconds);
  const { roundTripMilliseconds: latest } = details;
  return (
    <Card title={say('connection.round-trip')}>
      <div className="legend">
        <span className="legend-entry">
          <span className="legend-line" />
          {say('connection.to-gateway')}{' '}
          {latest === undefined ? (
            <span className="hint">{say('connection.measuring')}</span>
          ) : (
            <NumberWithUnit number={latest < 10 ? latest.toFixed(1) : latest.toFixed(0)} unit="ms" />
          )}
        </span>
      </div>
      <RoundTripGraph points={roundTrips[profile] ?? []} now={now} theme={theme} />
    </Card>
  );
}

interface NetworkCardProperties {
  readonly details: Details;
  readonly gateway: string | undefined;
}

function NetworkCard({ details, gateway }: NetworkCardProperties) {
  const { say } = useWords();
  return (
    <Card title={say('connection.network')}>
      <Facts
        facts={[
          fact(say('connection.gateway'), gateway),
          fact(say('connection.remote-endpoint'), details.remoteEndpoint),
          fact(say('connection.virtual-addresses'), details.virtualAddresses.join(', ')),
          fact(say('connection.dns'), details.dns.join(', ')),
          { ...fact(say('connection.protected'), protectedText(details, say)), wide: true },
          fact(say('connection.local-endpoint'), details.localEndpoint),
          fact(
            say('connection.adapter'),
            details.interfaceName === undefined
              ? undefined
              : details.mtu === undefined
                ? details.interfaceName
                : say('connection.adapter-mtu', { name: details.interfaceName, mtu: details.mtu }),
          ),
          details.peers === undefined
            ? undefined
            : { name: say('connection.peers'), value: <Count value={details.peers} /> },
        ]}
      />
    </Card>
  );
}

function SecurityCard({ details }: { readonly details: Details }) {
  const { say } = useWords();
  const now = useNow();
  const ike = details.ikeProposal === undefined ? undefined : proposalNames(details.ikeProposal);
  return (
    <Card title={say('connection.security')}>
      <Facts
        facts={[
          fact(
            say('connection.cipher'),
            details.espAlgorithm === undefined ? undefined : algorithmName(details.espAlgorithm),
          ),
          fact(say('connection.key-exchange'), ike?.keyExchange),
          fact(say('connection.ike-cipher'), ike?.cipher),
          fact(say('connection.prf'), ike?.pseudoRandomFunction),
          fact(
            say('connection.encapsulation'),
            details.espEncapsulation === undefined
              ? undefined
              : say(`encapsulation.${details.espEncapsulation}`),
          ),
          fact(say('connection.remote-identity'), details.remoteIdentity),
          fact(say('connection.local-identity'), details.localIdentity),
          countdown(say('connection.child-rekey'), details.childRekeyAt, now),
          countdown(say('connection.ike-rekey'), details.ikeRekeyAt, now),
        ]}
      />
    </Card>
  );
}

function fact(name: string, value: string | undefined) {
  return { name, value };
}

function countdown(name: string, at: number | undefined, now: number) {
  return at === undefined ? undefined : { name, value: <Duration milliseconds={at - now} /> };
}

function protectedText({ protectedPrefixes }: Details, say: (key: string) => string): string {
  const everything = protectedPrefixes.some((prefix) => prefix.endsWith('/0'));
  return everything ? say('connection.everything') : protectedPrefixes.join(', ');
}
