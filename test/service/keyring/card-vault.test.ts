// A vault that a card opens: its PIN is asked for, wrong, blocked; the card is pulled before and while it is asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionProblem } from '../../../main/service/connection/problem.ts';
import { FakeCard } from './fake-card.ts';
import { alice, failsWith, KeyringWorld, nothingGiven, officeProfile, root } from './world.ts';

async function cardWorld(): Promise<{ world: KeyringWorld; card: FakeCard }> {
  const card: FakeCard = new FakeCard(() => world.memory);
  const world = new KeyringWorld({ cards: [card.cards] });
  const compartment = {
    name: 'secrets',
    kind: 'card' as const,
    rule: 'any' as const,
    protectors: [{ type: 'card' as const, label: 'my card' }],
  };
  await world.handlers['vault.create']({ name: 'Card', compartment, makeDefault: false }, root, nothingGiven);
  await world.add('Card', 'office', 'from the card');
  world.keyring.sessions[0]!.lock();
  return { world, card };
}

test('the PIN opens it, again where it was wrong; pulled, it is locked', async () => {
  const { world, card } = await cardWorld();
  using _world = world;
  const answers = ['000000', '123456'];
  world.answer = () => answers.shift();
  await world.keyring.ready(officeProfile, alice.uid);
  assert.equal(world.psk('office', alice.uid), 'from the card');
  assert.deepEqual(
    world.asked.map(({ kind, triesLeft, failure, vault }) => [kind, triesLeft, failure, vault]),
    [
      ['pin', 3, undefined, 'Card'],
      ['pin', 2, 'wrong', 'Card'],
    ],
  );
  card.pull();
  assert.equal(world.psk('office', alice.uid), undefined);
  assert.equal(world.memory.liveCount, 0);
});

test('pulled while its PIN is asked for: the question goes, and the vault is what is missing', async () => {
  const { world, card } = await cardWorld();
  using _world = world;
  world.answer = () => {
    queueMicrotask(() => card.pull());
    return '123456';
  };
  await assert.rejects(world.keyring.ready(officeProfile, alice.uid), (error) => {
    assert.ok(error instanceof ConnectionProblem);
    assert.equal(error.failure.code, 'vault-locked');
    return true;
  });
  assert.equal(world.prompts.all.length, 0);
  assert.equal(world.memory.liveCount, 0);
});

test('a blocked card is not asked for its PIN; both a connection and a call are told', async () => {
  const { world, card } = await cardWorld();
  using _world = world;
  card.triesLeft = 0;
  await assert.rejects(world.keyring.ready(officeProfile, alice.uid), (error) => {
    assert.ok(error instanceof ConnectionProblem);
    assert.equal(error.failure.code, 'card-blocked');
    return true;
  });
  await assert.rejects(
    async () => world.handlers['vault.open']({ vault: 'Card' }, root, nothingGiven),
    failsWith('card-problem', { problem: 'pin-blocked' }),
  );
  assert.equal(world.asked.length, 0);
});
