import assert from 'node:assert/strict';
import { createECDH, privateDecrypt } from 'node:crypto';
import { after, test } from 'node:test';
import {
  decodeChannelInformation,
  encodeChannelInformation,
  openChannelSecret,
} from '../../../main/keys/card/channel-information.ts';
import { CardError } from '../../../main/keys/card/contract.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import { makeKey } from '../../fakes/card/virtual-card.ts';
import { seededRandom } from '../../fakes/random.ts';

const memory = new SecretMemory();
after(() => memory.close());

const information = {
  profile: 'office',
  text: 'networks = ["10.1.0.0/16"]\n',
  authorities: [{ name: 'company', certificate: Uint8Array.of(0x30, 1, 2, 3) }],
};
const secret = Buffer.from('open sesame');

for (const algorithm of ['ecc-p256', 'ecc-p384', 'rsa-2048'] as const) {
  test(`what is written is read back, and the secret opens with the card's key alone: ${algorithm}`, async () => {
    const { publicKey, privateKey } = makeKey(algorithm);
    const cardPublicKey = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }));
    const locked = (bytes: Uint8Array) => {
      const copy = memory.allocate(bytes.length);
      copy.set(bytes);
      return copy;
    };
    const opener = {
      async agree(point: Uint8Array) {
        const ecdh = createECDH(algorithm === 'ecc-p384' ? 'secp384r1' : 'prime256v1');
        ecdh.setPrivateKey(Buffer.from(privateKey.export({ format: 'jwk' }).d!, 'base64url'));
        return locked(ecdh.computeSecret(point));
      },
      async decrypt(ciphertext: Uint8Array, label: Uint8Array) {
        const options = { key: privateKey, oaepHash: 'sha256', oaepLabel: Buffer.from(label) };
        return locked(privateDecrypt(options, ciphertext));
      },
    };
    const content = await encodeChannelInformation(memory, information, { bytes: secret, cardPublicKey });
    const { secret: sealed, ...rest } = decodeChannelInformation(content)!;
    assert.deepEqual(rest, information);
    const opened = await openChannelSecret(memory, sealed!, cardPublicKey, opener);
    assert.deepEqual(Buffer.from(opened), secret);
    memory.free(opened);

    // The same secret with another profile.
    const other = { ...information, text: 'networks = "everything"\n' };
    const forged = await encodeChannelInformation(memory, other, { bytes: secret, cardPublicKey });
    const { context } = decodeChannelInformation(forged)!.secret!;
    const joined = openChannelSecret(memory, { ...sealed!, context }, cardPublicKey, opener);
    await assert.rejects(joined, (error) => error instanceof CardError || algorithm === 'rsa-2048');
    assert.equal(memory.liveCount, 0);
  });
}

test('20,000 damaged objects: none, or a whole one, and no exception', async () => {
  const random = seededRandom(7);
  const content = await encodeChannelInformation(memory, information);
  for (let round = 0; round < 20_000; round++) {
    const changed = content.slice(0, random() < 0.3 ? Math.floor(random() * content.length) : undefined);
    for (let count = 0; count < 3 && changed.length > 0; count++) {
      changed[Math.floor(random() * changed.length)] = Math.floor(random() * 256);
    }
    const decoded = decodeChannelInformation(changed);
    assert.ok(decoded === undefined || typeof decoded.text === 'string');
  }
});
