// A vault from making to opening again: compartments, rules, protectors, and what they refuse.
import assert from 'node:assert/strict';
import { constants, createECDH, generateKeyPairSync, privateDecrypt, randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import type { CardOpener } from '../../../main/keys/vault/card-protector.ts';
import { OpenCompartment } from '../../../main/keys/vault/compartment.ts';
import { openShare, type ProtectorSecret } from '../../../main/keys/vault/protectors.ts';
import { idText } from '../../../main/keys/vault/record.ts';
import { identityOf, parseVault, type VaultContent, writeVault } from '../../../main/keys/vault/vault.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import {
  hasProblem,
  makeVault,
  passphraseProtector,
  putPsk,
  RecordingStorage,
  secret,
  text,
} from './vaults.ts';

const memory = new SecretMemory();
after(() => memory.close());

async function share(content: VaultContent, label: string, given: ProtectorSecret, compartment = 0) {
  const stored = content.compartments[compartment]!;
  const protector = stored.protectors.find((candidate) => candidate.label === label)!;
  const place = { vaultId: Buffer.from(content.id, 'hex'), compartmentId: stored.id };
  return [idText(protector.id), await openShare(memory, place, protector, given)] as const;
}

async function openWith(content: VaultContent, ...given: [label: string, secret: ProtectorSecret][]) {
  const shares = new Map<string, Uint8Array>();
  for (const [label, each] of given) shares.set(...(await share(content, label, each)));
  return OpenCompartment.open(memory, identityOf(content), content.compartments[0]!, shares);
}

function passphrase(value: string): ProtectorSecret {
  return { type: 'passphrase', passphrase: secret(memory, value) };
}

test('what is put in comes out with the passphrase, and not with another', async () => {
  const storage = new RecordingStorage();
  const { content, compartment } = await makeVault(memory, storage);
  putPsk(compartment, 'office', 'not to be found in the file');
  compartment.put({
    kind: 'authority',
    name: 'corp',
    owner: 7,
    storedAtMilliseconds: 5,
    value: text('public'),
  });
  const written = await writeVault(storage, content, { write: [compartment] });
  compartment.close();
  assert.equal(written.generation, 2);
  assert.equal(written.name, 'Travel');
  assert.ok(!Buffer.from(storage.bytes).includes('not to be found'));
  assert.ok(!Buffer.from(storage.bytes).includes('office'), 'names are sealed too');

  const opened = await openWith(parseVault(storage.bytes), ['a passphrase', passphrase('correct horse')]);
  assert.equal(Buffer.from(opened.find('psk', 'office')!.value).toString(), 'not to be found in the file');
  const authority = opened.find('authority', 'corp')!;
  assert.deepEqual([authority.owner, authority.storedAtMilliseconds], [7, 5]);
  opened.close();
  await assert.rejects(
    openWith(parseVault(storage.bytes), ['a passphrase', passphrase('battery staple')]),
    hasProblem('wrong-secret'),
  );
});

test('protectors come and go without the secrets being entered again; the one removed opens nothing later', async () => {
  const storage = new RecordingStorage();
  let { content, compartment } = await makeVault(memory, storage);
  putPsk(compartment, 'office', 'first');
  const key = secret(memory, 'k'.repeat(32));
  await compartment.addProtector({ type: 'keychain', label: 'my keychain', key });
  content = await writeVault(storage, content, { write: [compartment] });
  const formerSigner = compartment.signer;
  const before = content;

  const opened = await openWith(content, ['my keychain', { type: 'key', key }]);
  assert.ok(opened.find('psk', 'office'));
  await opened.removeProtector(content.compartments[0]!.protectors[0]!.id);
  putPsk(opened, 'office', 'second');
  content = await writeVault(storage, content, { write: [opened] });
  assert.notDeepEqual(opened.signer, formerSigner, 'whoever knew the former signer cannot sign any more');
  opened.close();
  compartment.close();

  // The removed passphrase still opens the old file, but what it learns there does not open the new one.
  const [, oldShare] = await share(before, 'a passphrase', passphrase('correct horse'));
  const stored = content.compartments[0]!;
  const shares = new Map(stored.protectors.map(({ id }) => [idText(id), oldShare]));
  await assert.rejects(
    OpenCompartment.open(memory, identityOf(content), stored, shares),
    hasProblem('forged'),
  );
  const again = await openWith(content, ['my keychain', { type: 'key', key }]);
  assert.equal(Buffer.from(again.find('psk', 'office')!.value).toString(), 'second');
  again.close();
});

test('a protector is rotated, and the last one stays', async () => {
  const storage = new RecordingStorage();
  const { content, compartment } = await makeVault(memory, storage);
  const [protector] = compartment.protectors;
  await assert.rejects(compartment.removeProtector(protector!.id), hasProblem('invalid'));
  await compartment.replaceProtector(protector!.id, passphraseProtector(memory, 'new', 'new one'));
  const written = await writeVault(storage, content, { write: [compartment] });
  compartment.close();
  (await openWith(written, ['new one', passphrase('new')])).close();
  assert.equal(written.compartments[0]!.protectors.length, 1);
});

test('the rule "all" wants every protector, in whichever order', async () => {
  const storage = new RecordingStorage();
  const key = secret(memory, 's'.repeat(32));
  const { content, compartment } = await makeVault(memory, storage, {
    rule: 'all',
    protectors: [
      passphraseProtector(memory, 'one', 'mine'),
      { type: 'system', label: 'this computer', key },
      passphraseProtector(memory, 'two', 'hers'),
    ],
  });
  compartment.close();
  const mine = ['mine', passphrase('one')] as [string, ProtectorSecret];
  const hers = ['hers', passphrase('two')] as [string, ProtectorSecret];
  const here = ['this computer', { type: 'key', key }] as [string, ProtectorSecret];
  for (const given of [[mine], [hers, mine], [here, hers]]) {
    await assert.rejects(openWith(content, ...given), hasProblem('more-protectors'));
  }
  for (const given of [
    [mine, hers, here],
    [here, hers, mine],
  ]) {
    (await openWith(content, ...given)).close();
  }
});

test('a compartment for cards refuses what would undo a pulled card', async () => {
  const key = secret(memory, 'k'.repeat(32));
  const card = softwareCard('prime256v1');
  const protector = { type: 'card' as const, label: 'my card', card: card.parameters };
  for (const type of ['keychain', 'system'] as const) {
    await assert.rejects(
      makeVault(memory, new RecordingStorage(), {
        kind: 'card',
        protectors: [protector, { type, label: type, key }],
      }),
      hasProblem('invalid'),
    );
  }
  await assert.rejects(
    makeVault(memory, new RecordingStorage(), {
      kind: 'card',
      protectors: [passphraseProtector(memory, 'x')],
    }),
    hasProblem('invalid'),
  );
  const storage = new RecordingStorage();
  const { compartment } = await makeVault(memory, storage, { kind: 'card', protectors: [protector] });
  await assert.rejects(
    compartment.addProtector({ type: 'system', label: 'here', key }),
    hasProblem('invalid'),
  );
  compartment.close();
});

for (const type of ['prime256v1', 'secp384r1', 'rsa'] as const) {
  test(`a card opens what was sealed to it, another does not: ${type}`, async () => {
    const storage = new RecordingStorage();
    const card = softwareCard(type);
    const { content, compartment } = await makeVault(memory, storage, {
      kind: 'card',
      protectors: [{ type: 'card', label: 'my card', card: card.parameters }],
    });
    putPsk(compartment, 'office', 'on the stick');
    const written = await writeVault(storage, content, { write: [compartment] });
    compartment.close();
    const opened = await openWith(written, ['my card', { type: 'card', card: card.opener }]);
    assert.ok(opened.find('psk', 'office'));
    opened.close();
    const other = softwareCard(type);
    await assert.rejects(openWith(written, ['my card', { type: 'card', card: other.opener }]));
  });
}

test('a share’s point that does not lie on the curve never reaches the card', async () => {
  const storage = new RecordingStorage();
  const card = softwareCard('prime256v1');
  const { content, compartment } = await makeVault(memory, storage, {
    kind: 'card',
    protectors: [{ type: 'card', label: 'my card', card: card.parameters }],
  });
  compartment.close();
  const stored = content.compartments[0]!;
  const protector = stored.protectors[0]!;
  const sealedShare = Uint8Array.from(protector.sealedShare);
  sealedShare[40]! ^= 1;
  let asked = 0;
  const opener: CardOpener = {
    agree: async () => {
      asked += 1;
      return memory.allocate(32);
    },
    decrypt: async () => memory.allocate(32),
  };
  const place = { vaultId: Buffer.from(content.id, 'hex'), compartmentId: stored.id };
  await assert.rejects(
    openShare(memory, place, { ...protector, sealedShare }, { type: 'card', card: opener }),
    hasProblem('damaged'),
  );
  assert.equal(asked, 0);
});

test('whoever has the file and all public keys cannot make a compartment that passes for the old one', async () => {
  const storage = new RecordingStorage();
  const card = softwareCard('prime256v1');
  const protectors = [{ type: 'card' as const, label: 'my card', card: card.parameters }];
  const { content, compartment } = await makeVault(memory, storage, { kind: 'card', protectors });
  compartment.close();
  const forger = await OpenCompartment.create(memory, identityOf(content), {
    name: 'secrets',
    kind: 'card',
    rule: 'any',
    protectors,
  });
  // It opens with the card, but its signer is another: the service keeps the signer and refuses (rollback.test.ts).
  assert.notDeepEqual(forger.signer, content.compartments[0]!.signer);
  forger.close();
});

test('two compartments: the locked one is carried along untouched', async () => {
  const storage = new RecordingStorage();
  const { content, compartment } = await makeVault(memory, storage);
  const second = await OpenCompartment.create(memory, identityOf(content), {
    name: 'more',
    kind: 'ordinary',
    rule: 'any',
    protectors: [passphraseProtector(memory, 'other')],
  });
  const two = await writeVault(storage, content, { write: [second] });
  second.close();
  assert.deepEqual(
    two.compartments.map(({ name, generation }) => [name, generation]),
    [
      ['secrets', 1],
      ['more', 2],
    ],
  );
  putPsk(compartment, 'office', 'x');
  const three = await writeVault(storage, two, { write: [compartment] });
  assert.deepEqual(
    three.compartments.map(({ generation }) => generation),
    [3, 2],
  );
  await assert.rejects(writeVault(storage, two, { write: [compartment] }), hasProblem('changed'));
  const one = await writeVault(storage, three, { write: [], remove: [idText(second.id)] });
  assert.equal(one.compartments.length, 1);
  compartment.close();
});

test('a hostile passphrase cannot ask for more work than is bearable', async () => {
  const storage = new RecordingStorage();
  const { content, compartment } = await makeVault(memory, storage);
  compartment.close();
  const stored = content.compartments[0]!;
  const protector = stored.protectors[0]!;
  const parameters = Uint8Array.from(protector.parameters);
  new DataView(parameters.buffer).setUint32(32, 64 * 1024 * 1024);
  const place = { vaultId: Buffer.from(content.id, 'hex'), compartmentId: stored.id };
  await assert.rejects(
    openShare(memory, place, { ...protector, parameters }, passphrase('correct horse')),
    hasProblem('damaged'),
  );
});

test('nothing stays in locked memory', async () => {
  const own = new SecretMemory();
  const storage = new RecordingStorage();
  const protector = passphraseProtector(own, 'x');
  const { content, compartment } = await makeVault(own, storage, { protectors: [protector] });
  putPsk(compartment, 'office', 'x');
  await compartment.addProtector({ type: 'system', label: 'here', key: protector.passphrase });
  await writeVault(storage, content, { write: [compartment] });
  compartment.close();
  assert.equal(own.liveCount, 2, 'the passphrases alone');
  own.close();
});

/** A card in software: what it does with its key, and what the vault knows of it. */
function softwareCard(type: 'prime256v1' | 'secp384r1' | 'rsa') {
  if (type === 'rsa') {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const opener: CardOpener = {
      agree: () => Promise.reject(new Error('an RSA key agrees on nothing')),
      async decrypt(ciphertext, label) {
        const { RSA_PKCS1_OAEP_PADDING: padding } = constants;
        const key = { key: privateKey, padding, oaepHash: 'sha256', oaepLabel: Buffer.from(label) };
        const plain = privateDecrypt(key, ciphertext);
        const kept = memory.allocate(plain.length);
        kept.set(plain);
        return kept;
      },
    };
    return { opener, parameters: parametersOf(publicKey.export({ type: 'spki', format: 'der' })) };
  }
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: type });
  const { d } = privateKey.export({ format: 'jwk' });
  const opener: CardOpener = {
    async agree(point) {
      const own = createECDH(type);
      own.setPrivateKey(Buffer.from(d!, 'base64url'));
      const agreed = own.computeSecret(point);
      const kept = memory.allocate(agreed.length);
      kept.set(agreed);
      return kept;
    },
    decrypt: () => Promise.reject(new Error('a curve decrypts nothing')),
  };
  return { opener, parameters: parametersOf(publicKey.export({ type: 'spki', format: 'der' })) };
}

function parametersOf(publicKey: Buffer) {
  return { card: `piv:${randomBytes(16).toString('hex')}`, publicKey };
}
