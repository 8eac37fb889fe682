// Proposals in strongSwan's notation.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EspProposal, IkeProposal } from '../../../main/engine/ike/contract.ts';
import {
  defaultEspProposals,
  defaultIkeProposals,
  formatEspProposal,
  formatIkeProposal,
  readEspProposals,
  readIkeProposals,
} from '../../../main/service/profile/proposal.ts';

const ike = (text: string): string[] => readIkeProposals(text).proposals.map(formatIkeProposal);
const esp = (text: string): string[] => readEspProposals(text).proposals.map(formatEspProposal);

test('IKE proposals as users write them', () => {
  assert.deepEqual(readIkeProposals('aes256gcm16-prfsha384-ecp256').proposals, [
    { encryption: 'aes-256-gcm-16', integrity: 'none', prf: 'hmac-sha2-384', group: 19 },
  ]);
  assert.deepEqual(readIkeProposals('aes128-sha256-modp2048').proposals, [
    { encryption: 'aes-128-cbc', integrity: 'hmac-sha2-256-128', prf: 'hmac-sha2-256', group: 14 },
  ]);
  assert.deepEqual(ike('aes256gcm128-sha384-x25519!'), ['aes256gcm16-prfsha384-curve25519']);
  assert.deepEqual(ike('aes256gcm16-curve25519'), [
    'aes256gcm16-prfsha384-curve25519',
    'aes256gcm16-prfsha256-curve25519',
  ]);
  assert.deepEqual(ike('aes256-aes128-sha256-ecp256-modp2048'), [
    'aes256-sha256-prfsha256-ecp256',
    'aes256-sha256-prfsha256-modp2048',
    'aes128-sha256-prfsha256-ecp256',
    'aes128-sha256-prfsha256-modp2048',
  ]);
});

test('ESP proposals as users write them', () => {
  assert.deepEqual(readEspProposals('aes256gcm16-curve25519').proposals, [
    { encryption: 'aes-256-gcm-16', group: 31 },
  ]);
  assert.deepEqual(readEspProposals('chacha20poly1305-noesn').proposals, [
    { encryption: 'chacha20-poly1305' },
  ]);
  assert.deepEqual(esp('aes128gcm16-aes256gcm16-ecp256-none'), [
    'aes128gcm16-ecp256',
    'aes128gcm16',
    'aes256gcm16-ecp256',
    'aes256gcm16',
  ]);
});

test('what cannot be done is said, or left out where that is asked for', () => {
  assert.throws(
    () => ike('3des-sha256-modp2048'),
    /“3des” in “3des-sha256-modp2048” is not supported; known are aes256gcm16, /,
  );
  assert.throws(() => ike('aes256-modp2048'), /needs an integrity algorithm/);
  assert.throws(() => ike('aes256gcm16'), /needs a group/);
  assert.throws(() => ike('sha256-modp2048'), /names no cipher/);
  assert.throws(() => esp('aes256-sha256'), /“aes256” in “aes256-sha256” is not supported/);
  assert.throws(() => esp(''), /not supported/);
  assert.throws(() => ike('aes256-'.repeat(40)), /too many parts/);
  const lenient = readIkeProposals('3des-aes128-sha1-sha256-modp1024-modp2048', true);
  assert.deepEqual(lenient.proposals.map(formatIkeProposal), ['aes128-sha256-prfsha256-modp2048']);
  assert.deepEqual(lenient.unsupported, ['3des', 'sha1', 'modp1024']);
});

test('every proposal has a text that comes back', () => {
  const ikeProposal = fc
    .record({
      encryption: fc.constantFrom('aes-128-gcm-16', 'aes-256-gcm-16', 'aes-128-cbc', 'aes-256-cbc'),
      prf: fc.constantFrom('hmac-sha2-256', 'hmac-sha2-384'),
      group: fc.constantFrom(14, 19, 31),
    })
    .map(
      (parts) =>
        ({
          ...parts,
          integrity: parts.encryption.endsWith('cbc') ? 'hmac-sha2-256-128' : 'none',
        }) as IkeProposal,
    );
  const espProposal = fc
    .record(
      {
        encryption: fc.constantFrom('aes-128-gcm-16', 'aes-256-gcm-16', 'chacha20-poly1305'),
        group: fc.constantFrom(14, 19, 31),
      },
      { requiredKeys: ['encryption'] },
    )
    .map((parts) => ({ ...parts }) as EspProposal);
  fc.assert(
    fc.property(ikeProposal, espProposal, (forIke, forEsp) => {
      assert.deepEqual(readIkeProposals(formatIkeProposal(forIke)).proposals, [forIke]);
      assert.deepEqual(readEspProposals(formatEspProposal(forEsp)).proposals, [forEsp]);
    }),
    { seed: 5, numRuns: 300 },
  );
});

test('the defaults cover every algorithm, the strongest first, and each combination once', () => {
  const texts = defaultIkeProposals.map(formatIkeProposal);
  assert.equal(texts[0], 'aes256gcm16-prfsha384-curve25519');
  assert.equal(new Set(texts).size, texts.length);
  assert.deepEqual(new Set(defaultIkeProposals.map(({ group }) => group)), new Set([31, 19, 14]));
  assert.equal(new Set(defaultIkeProposals.map(({ encryption }) => encryption)).size, 4);
  assert.deepEqual(defaultEspProposals.map(formatEspProposal), [
    'aes256gcm16',
    'aes128gcm16',
    'chacha20poly1305',
  ]);
});
