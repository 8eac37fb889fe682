// Which protectors fit together, and what a form for a compartment lacks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CardStatus } from '../../../main/control/card-values.ts';
import {
  type CompartmentForm,
  checkCompartment,
  emptyCompartment,
  notOffered,
  offeredProtectors,
  withKind,
  withType,
} from '../../../renderer/logic/compartment-form.ts';

const filled: CompartmentForm = { ...emptyCompartment, passphrase: 'a b c', again: 'a b c' };

function card(id: string, slot: '9A' | '9D'): CardStatus {
  return {
    id,
    provider: 'piv',
    label: id,
    reader: 'reader',
    pinPad: false,
    keys: [
      {
        purpose: slot === '9D' ? 'key-management' : 'authentication',
        slot,
        algorithm: 'ecc-p256',
        pinPolicy: 'once',
        subject: 'CN=a',
        issuer: 'CN=a',
        notBefore: 0,
        notAfter: 1,
      },
    ],
  };
}

test('a compartment for the card alone takes neither keychain nor system, and says why', () => {
  const reasons = offeredProtectors.map((type) =>
    notOffered(type, { kind: 'card' }, true, [card('alice', '9D')]),
  );
  assert.deepEqual(reasons, [undefined, 'card-keychain', undefined, undefined, 'card-system']);
  const changed = withKind({ ...filled, types: ['passphrase', 'keychain', 'recovery', 'system'] }, 'card');
  assert.deepEqual(changed.types, ['card', 'recovery']);
  assert.equal(checkCompartment({ ...changed, types: ['recovery'] }, []).types, 'card-needed');
});

test('a card is offered where one is in and has a key for vaults; the system to root', () => {
  assert.equal(notOffered('card', filled, false, []), 'no-card');
  assert.equal(notOffered('card', filled, false, [card('alice', '9A')]), 'no-key');
  assert.equal(notOffered('card', filled, false, [card('alice', '9D')]), undefined);
  assert.equal(notOffered('system', filled, false, []), 'system');
  assert.equal(notOffered('system', filled, true, []), undefined);
});

test('the passphrase is typed twice, and one of several cards is chosen', () => {
  assert.deepEqual(checkCompartment(filled, []), {});
  assert.equal(
    checkCompartment({ ...filled, passphrase: '', again: '' }, []).passphrase,
    'passphrase-needed',
  );
  assert.equal(checkCompartment({ ...filled, again: 'a b' }, []).again, 'passphrase-differs');
  assert.equal(checkCompartment({ ...filled, types: [] }, []).types, 'protector-needed');
  assert.equal(checkCompartment({ ...filled, name: ' x' }, []).name, 'name');
  const withCard = withType(filled, 'card', true);
  assert.deepEqual(withCard.types, ['passphrase', 'card']);
  const two = [card('alice', '9D'), card('bob', '9D')];
  assert.equal(checkCompartment(withCard, two).card, 'choose-card');
  assert.deepEqual(checkCompartment({ ...withCard, card: 'bob' }, two), {});
  assert.deepEqual(checkCompartment(withCard, two.slice(1)), {});
});
