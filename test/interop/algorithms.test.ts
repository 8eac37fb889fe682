// Every algorithm that we offer, agreed on with strongSwan and used both ways.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { skipUnless } from './lab/requirements.ts';
import { Stage } from './lab/stage.ts';

const ikeProposals = [
  'aes256gcm16-prfsha384-ecp256',
  'aes128gcm16-prfsha256-modp2048',
  'aes256gcm16-prfsha256-curve25519',
  'aes128-sha256-ecp256',
  'aes256-sha256-curve25519',
];

const espProposals = ['aes128gcm16', 'aes256gcm16', 'chacha20poly1305', 'aes256gcm16-ecp256'];

describe('algorithms with strongSwan', { skip: skipUnless() }, () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
  });
  after(async () => await stage?.close());

  for (const proposal of ikeProposals) {
    test(`IKE ${proposal}`, async () => {
      // The gateway takes this one alone; we offer what we offer by default.
      await stage.row({ gateway: { ikeProposals: proposal } }, async () => {
        const associations = await stage.gateway.associations();
        assert.match(associations, namesOf(proposal), associations);
      });
    });
  }

  for (const proposal of espProposals) {
    test(`ESP ${proposal}`, async () => {
      await stage.row(
        { gateway: { espProposals: proposal }, profile: { espProposals: [proposal] } },
        async () => {
          const associations = await stage.gateway.associations();
          assert.match(associations, namesOf(proposal.split('-')[0]!), associations);
        },
      );
    });
  }
});

/** How `swanctl --list-sas` spells them. */
const spelling: Readonly<Record<string, string>> = {
  aes256gcm16: 'AES_GCM_16-256',
  aes128gcm16: 'AES_GCM_16-128',
  aes256: 'AES_CBC-256/HMAC_SHA2_256_128',
  aes128: 'AES_CBC-128/HMAC_SHA2_256_128',
  chacha20poly1305: 'CHACHA20_POLY1305',
  ecp256: 'ECP_256',
  modp2048: 'MODP_2048',
  curve25519: 'CURVE_25519',
  prfsha256: 'PRF_HMAC_SHA2_256',
  prfsha384: 'PRF_HMAC_SHA2_384',
};

function namesOf(proposal: string): RegExp {
  const names = proposal.split('-').flatMap((word) => spelling[word] ?? []);
  return new RegExp(names.join('.*'));
}
