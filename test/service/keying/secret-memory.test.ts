// Keys in locked memory: zeroed when given out, wiped when given back, found by address.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import { viewOfAddress } from '../../../native/libc-memory.ts';

const cannotRun = process.platform === 'linux' ? false : 'locked pages are bound for Linux only';

test('a freed secret is wiped, and its place comes back as zeros', { skip: cannotRun }, () => {
  const memory = new SecretMemory();
  const secret = memory.allocate(36);
  secret.fill(0xa5);
  const address = memory.addressOf(secret);
  assert.deepEqual([...viewOfAddress(address, 36)], [...secret]);
  memory.free(secret);
  assert.ok(viewOfAddress(address, 36).every((byte) => byte === 0));
  memory.free(secret);
  assert.equal(memory.liveCount, 0);
  const again = memory.allocate(36);
  assert.equal(memory.addressOf(again), address);
  assert.ok(again.every((byte) => byte === 0));
  memory.close();
});

test('secrets of all sizes never overlap, and grow into further pages', { skip: cannotRun }, () => {
  const memory = new SecretMemory();
  const secrets = Array.from({ length: 300 }, (_, index) => memory.allocate((index * 37) % 3000));
  secrets.forEach((secret, index) => {
    secret.fill(index & 0xff);
  });
  secrets.forEach((secret, index) => {
    assert.ok(
      secret.every((byte) => byte === (index & 0xff)),
      `secret ${index}`,
    );
  });
  assert.equal(memory.liveCount, 300);
  for (const secret of secrets) memory.free(secret);
  assert.equal(memory.liveCount, 0);
  memory.close();
});

test('bytes from elsewhere have no address here', { skip: cannotRun }, () => {
  const memory = new SecretMemory();
  memory.allocate(1);
  assert.throws(() => memory.addressOf(new Uint8Array(36)), /locked memory/);
  assert.throws(() => memory.allocate(16 * 1024 * 1024 + 1), RangeError);
  memory.close();
});

test('a large secret has pages of its own, which go back to the system with it', { skip: cannotRun }, () => {
  const memory = new SecretMemory();
  const small = memory.allocate(64).fill(1);
  const large = memory.allocate(70_000);
  assert.ok(large.every((byte) => byte === 0));
  large.fill(2);
  assert.ok(small.every((byte) => byte === 1));
  const mapped = () => readFileSync('/proc/self/maps', 'utf8').includes(memory.addressOf(small).toString(16));
  const address = memory.addressOf(large).toString(16);
  memory.free(large);
  assert.ok(
    !readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .some((line) => line.startsWith(`${address}-`)),
  );
  assert.ok(mapped());
  memory.free(large);
  assert.equal(memory.liveCount, 1);
  memory.close();
});

test('the pages are locked and left out of dumps and forks', { skip: cannotRun }, () => {
  const memory = new SecretMemory();
  const address = memory.addressOf(memory.allocate(32));
  const sections = readFileSync('/proc/self/smaps', 'utf8').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
  const section = sections.find((text) => {
    const [from = '', to = ''] = text.split(' ', 1)[0]!.split('-');
    return address >= Number.parseInt(from, 16) && address < Number.parseInt(to, 16);
  });
  const flags =
    /VmFlags: (.*)/
      .exec(section ?? '')?.[1]
      ?.trim()
      .split(' ') ?? [];
  assert.ok(flags.includes('dd'), 'left out of core dumps');
  assert.ok(flags.includes('dc'), 'left out of forks');
  assert.equal(flags.includes('lo'), memory.unlockedBytes === 0);
  memory.close();
});
