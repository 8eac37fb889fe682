// Smart cards: what is in the readers, with keys, certificates and tries left, and what can be done with each card.
import { useEffect, useState } from 'react';
import type { CardStatus } from '../../main/control/card-values.ts';
import { Badge } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { Card, EmptyState, Facts } from '../components/card.tsx';
import { FailureNotice, Notice } from '../components/notice.tsx';
import { Table } from '../components/table.tsx';
import { type CardKey, pinState, signingKeys, validityOf } from '../logic/card-view.ts';
import { useActions } from '../state/actions.ts';
import { useLook, useWindowState } from '../state/hooks.ts';
import { useWords } from '../state/words.ts';
import { NewPinDialog } from './keys-card-pin.tsx';
import { CardProfileDialog, EraseCardProfileDialog } from './keys-card-profile.tsx';
import { CardCertificateDialog, CardSetupDialog } from './keys-card-setup.tsx';

/** Tries left change without a card coming or going. */
const lookAgainMilliseconds = 3000;

export function KeysCards() {
  const { say } = useWords();
  const { service } = useWindowState();
  const { value, failure, reload } = useLook('card.status', {}, lookAgainMilliseconds);
  const told = service.service === 'present' ? JSON.stringify(service.status.cards) : '';
  // biome-ignore lint/correctness/useExhaustiveDependencies: the service tells at once when a card comes or goes
  useEffect(reload, [reload, told]);
  if (failure !== undefined) return <FailureNotice failure={failure} />;
  if (value === undefined) return null;
  const { state, readers, cards } = value;
  if (state !== 'ready' || cards.length === 0) {
    return (
      <Card>
        <EmptyState
          title={say(`keys.card.state.${state}.title`)}
          text={say(`keys.card.state.${state}.text`, { readers: readers.join(', ') })}
        />
      </Card>
    );
  }
  return (
    <>
      {cards.map((card) => (
        <CardPart key={card.id} card={card} onChanged={reload} />
      ))}
    </>
  );
}

type DialogName = 'setup' | 'certificate' | 'change-pin' | 'unblock' | 'store' | 'erase';

function CardPart({ card, onChanged }: { readonly card: CardStatus; readonly onChanged: () => void }) {
  const { say, cardProblem } = useWords();
  const { busy, run } = useActions();
  const [dialog, setDialog] = useState<DialogName>();
  const [tested, setTested] = useState<string>();
  const { id, label, reader, pinPad, keys, problem } = card;
  const pin = pinState(card);
  const blocked = pin === 'blocked';
  const [signing] = signingKeys([card]);
  const close = () => {
    setDialog(undefined);
    onChanged();
  };
  const test = async () => {
    if (signing === undefined) return;
    const tested = await run('test', 'card.test', { card: id, slot: signing.slot });
    if (tested === undefined) return onChanged();
    const { milliseconds } = tested;
    setTested(say('keys.card.tested', { slot: signing.key.slot, milliseconds: Math.round(milliseconds) }));
    onChanged();
  };
  const unblock = <Button onClick={() => setDialog('unblock')}>{say('keys.card.unblock')}</Button>;
  return (
    <Card title={label} className="smart-card">
      {problem !== undefined && (
        <Notice tone="bad" title={say('keys.card.unusable', { problem: cardProblem(problem) })} />
      )}
      {blocked && (
        <Notice tone="bad" title={say('keys.card.blocked')} text={say('keys.card.blocked-text')} role="alert">
          {unblock}
        </Notice>
      )}
      {pin === 'last-try' && (
        <Notice tone="warning" title={say('keys.card.last-try')} text={say('keys.card.last-try-text')} />
      )}
      {tested !== undefined && <Notice tone="good" title={tested} role="status" />}
      <Facts
        facts={[
          { name: say('keys.card.reader'), value: reader },
          {
            name: say('keys.card.pin'),
            value: say(`keys.card.pin-${pin}`, { tries: card.triesLeft ?? 0 }),
          },
          { name: say('keys.card.pin-pad'), value: pinPad ? say('keys.card.pin-pad-there') : undefined },
          { name: say('keys.card.id'), value: <span className="fixed">{id}</span> },
        ]}
      />
      {keys.length === 0 ? (
        problem === undefined && (
          <Notice tone="warning" title={say('keys.card.no-keys')} text={say('keys.card.no-keys-text')} />
        )
      ) : (
        <KeyTable card={card} />
      )}
      {problem === undefined && (
        <div className="actions">
          <Button kind={keys.length === 0 ? 'primary' : 'plain'} onClick={() => setDialog('setup')}>
            {say('keys.card.setup')}
          </Button>
          <Button onClick={() => setDialog('certificate')}>{say('keys.card.put-certificate')}</Button>
          {signing !== undefined && (
            <Button busy={busy === 'test'} disabled={blocked} onClick={() => void test()}>
              {say('keys.card.test')}
            </Button>
          )}
          <Button disabled={blocked} onClick={() => setDialog('change-pin')}>
            {say('keys.card.change-pin')}
          </Button>
          {!blocked && unblock}
          <Button onClick={() => setDialog('store')}>{say('keys.card.store')}</Button>
          <Button onClick={() => setDialog('erase')}>{say('keys.card.erase')}</Button>
        </div>
      )}
      {dialog === 'setup' && <CardSetupDialog card={card} onClose={close} />}
      {dialog === 'certificate' && <CardCertificateDialog card={card} onClose={close} />}
      {(dialog === 'change-pin' || dialog === 'unblock') && (
        <NewPinDialog card={card} means={dialog} onClose={close} />
      )}
      {dialog === 'store' && <CardProfileDialog card={card} onClose={close} />}
      {dialog === 'erase' && <EraseCardProfileDialog card={card} onClose={close} />}
    </Card>
  );
}

function KeyTable({ card }: { readonly card: CardStatus }) {
  const { say, language } = useWords();
  const day = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
  return (
    <Table
      caption={say('keys.card.keys', { name: card.label })}
      rows={card.keys}
      keyOf={({ slot }) => slot}
      columns={[
        { name: say('keys.card.slot'), cell: ({ slot }) => <strong>{slot}</strong> },
        { name: say('keys.card.purpose'), cell: ({ purpose }) => say(`keys.card.purpose-${purpose}`) },
        {
          name: say('keys.card.algorithm'),
          cell: ({ algorithm }) => say(`keys.card.algorithm-${algorithm}`),
        },
        { name: say('keys.card.subject'), cell: ({ subject }) => subject },
        {
          name: say('keys.card.issuer'),
          cell: ({ issuer, subject }) => (issuer === subject ? say('keys.card.itself') : issuer),
        },
        {
          name: say('keys.card.until'),
          cell: (key) => <Until cardKey={key} text={day.format(key.notAfter)} />,
        },
      ]}
    />
  );
}

function Until({ cardKey, text }: { readonly cardKey: CardKey; readonly text: string }) {
  const { say } = useWords();
  const validity = validityOf(cardKey, Date.now());
  if (validity === 'good') return text;
  return (
    <>
      {text}{' '}
      <Badge tone={validity === 'expired' ? 'bad' : 'warning'}>{say(`keys.card.validity-${validity}`)}</Badge>
    </>
  );
}
