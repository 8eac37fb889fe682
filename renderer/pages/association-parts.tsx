// One IKE SA, and one pair of child SAs, with their facts and bars.
import type { ChildAssociation, IkeAssociation } from '../../main/control/values.ts';
import { Badge } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { Facts } from '../components/card.tsx';
import { Bar, Bytes, Count } from '../components/quantity.tsx';
import { Table } from '../components/table.tsx';
import { algorithmName, proposalNames } from '../logic/algorithms.ts';
import { ikeBar, type LifetimeBar, lifetimeBars } from '../logic/association-view.ts';
import { bytesText, countText } from '../logic/format.ts';
import { useWords } from '../state/words.ts';

interface IkeProperties {
  readonly ike: IkeAssociation;
  readonly now: number;
  readonly onDelete: () => void;
}

export function IkeAssociationView({ ike, now, onDelete }: IkeProperties) {
  const { say } = useWords();
  const { cipher, integrity, pseudoRandomFunction, keyExchange } = proposalNames(ike.proposal);
  const bar = ikeBar(ike, now);
  return (
    <div className="pair">
      <div className="pair-header">
        <h3>
          {say('associations.ike')}{' '}
          <Badge tone={ike.state === 'established' ? 'good' : 'busy'}>
            {say(`associations.state.${ike.state}`)}
          </Badge>
        </h3>
        <Button kind="danger" onClick={onDelete}>
          {say('associations.delete')}
        </Button>
      </div>
      <Facts
        facts={[
          {
            name: say('associations.initiator-spi'),
            value: <span className="fixed">{ike.initiatorSpi}</span>,
          },
          {
            name: say('associations.responder-spi'),
            value: <span className="fixed">{ike.responderSpi}</span>,
          },
          { name: say('associations.role'), value: say(`associations.role-${ike.role}`) },
          { name: say('connection.ike-cipher'), value: cipher },
          { name: say('associations.integrity'), value: integrity },
          { name: say('connection.prf'), value: pseudoRandomFunction },
          { name: say('connection.key-exchange'), value: keyExchange },
          { name: say('connection.local-endpoint'), value: ike.localEndpoint },
          { name: say('connection.remote-endpoint'), value: ike.remoteEndpoint },
          { name: say('connection.local-identity'), value: ike.localIdentity },
          { name: say('connection.remote-identity'), value: ike.remoteIdentity },
          { name: 'NAT', value: ike.natDetected === undefined ? undefined : say(natKey(ike.natDetected)) },
        ]}
      />
      {bar !== undefined && (
        <div className="bars">
          <LifetimeBarView bar={bar} label={say('associations.until-renewal')} />
        </div>
      )}
    </div>
  );
}

interface PairProperties {
  readonly pair: readonly ChildAssociation[];
  readonly now: number;
  readonly onDelete: (spi: string) => void;
}

export function ChildPair({ pair, now, onDelete }: PairProperties) {
  const { say } = useWords();
  const [first] = pair;
  if (first === undefined) return null;
  return (
    <div className="pair">
      <div className="pair-header">
        <h3>{say('associations.child')}</h3>
        <Button kind="danger" onClick={() => onDelete(first.spi)}>
          {say('associations.delete')}
        </Button>
      </div>
      <Facts
        facts={[
          { name: say('connection.cipher'), value: algorithmName(first.algorithm) },
          { name: say('connection.encapsulation'), value: say(`encapsulation.${first.encapsulation}`) },
          { name: say('associations.local'), value: first.localSelectors.join(', ') },
          { name: say('associations.remote'), value: first.remoteSelectors.join(', ') },
        ]}
      />
      <Table
        caption={say('associations.child')}
        rows={pair}
        keyOf={({ spi }) => spi}
        columns={[
          { name: say('verdicts.direction'), cell: ({ direction }) => say(`direction.${direction}`) },
          { name: 'SPI', cell: ({ spi }) => <span className="fixed">{spi}</span> },
          { name: say('filter.column.bytes'), numeric: true, cell: ({ bytes }) => <Bytes value={bytes} /> },
          {
            name: say('filter.column.packets'),
            numeric: true,
            cell: ({ packets }) => <Count value={packets} />,
          },
          {
            name: say('associations.replay-window'),
            numeric: true,
            cell: ({ replayWindow }) => (replayWindow === undefined ? '–' : <Count value={replayWindow} />),
          },
          {
            name: say('associations.replay-drops'),
            numeric: true,
            cell: ({ replayDrops }) => (replayDrops === undefined ? '–' : <Count value={replayDrops} />),
          },
        ]}
      />
      <div className="bars">
        {pair.flatMap((child) =>
          lifetimeBars(child, now)
            // Time passes alike for both directions.
            .filter(({ measure }) => measure !== 'time' || child === first)
            .map((bar) => (
              <LifetimeBarView
                key={`${child.spi} ${bar.measure}`}
                bar={bar}
                label={
                  bar.measure === 'time'
                    ? say('associations.lifetime.time')
                    : say(`associations.lifetime.${bar.measure}`, {
                        direction: say(`direction.${child.direction}`),
                      })
                }
              />
            )),
        )}
      </div>
    </div>
  );
}

function LifetimeBarView({ bar, label }: { readonly bar: LifetimeBar; readonly label: string }) {
  const { say, duration, language } = useWords();
  const amount = (value: number): string => {
    switch (bar.measure) {
      case 'time':
        return duration(value * 1000);
      case 'bytes': {
        const { number, unit } = bytesText(value);
        return `${number} ${unit}`;
      }
      case 'packets':
        return countText(value, language);
    }
  };
  const text = say('associations.of', { used: amount(bar.used), limit: amount(bar.limit) });
  return <Bar label={label} text={text} fraction={bar.fraction} mark={bar.renewedAt} />;
}

function natKey({ local, remote }: NonNullable<IkeAssociation['natDetected']>): string {
  if (local && remote) return 'associations.nat.both';
  if (local) return 'associations.nat.local';
  return remote ? 'associations.nat.remote' : 'associations.nat.none';
}
