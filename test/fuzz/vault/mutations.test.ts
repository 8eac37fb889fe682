// 100,000 mutated vault files: nothing but typed errors, in bounded time, and never something else than what was written.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { encodeRecord, parseRecord, signedOctets } from '../../../main/keys/vault/record.ts';
import {
  encodeHeader,
  findLiveSlot,
  firstRecordOffset,
  headerSpacing,
  sha256,
} from '../../../main/keys/vault/slots.ts';
import { parseVault, type VaultContent, writeVault } from '../../../main/keys/vault/vault.ts';
import { VaultError } from '../../../main/keys/vault/vault-error.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import { allocateBlock } from '../../../native/libc-memory.ts';
import { ed25519PublicKey, ed25519Sign } from '../../../native/openssl-keys.ts';
import { seededRandom } from '../../fakes/random.ts';
import { makeVault, passphraseProtector, putPsk, RecordingStorage } from '../../keys/vault/vaults.ts';

const memory = new SecretMemory();
after(() => memory.close());

async function sample(): Promise<{ file: Uint8Array; content: VaultContent }> {
  const storage = new RecordingStorage();
  const { content, compartment } = await makeVault(memory, storage, {
    protectors: [passphraseProtector(memory, 'a', 'one'), passphraseProtector(memory, 'b', 'two')],
  });
  putPsk(compartment, 'office', 'secret');
  const written = await writeVault(storage, content, { write: [compartment] });
  compartment.close();
  return { file: storage.bytes, content: written };
}

function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  let mutated = Uint8Array.from(bytes);
  const interesting = [0, 1, 0x7f, 0x80, 0xff];
  for (let count = 1 + Math.floor(random() * 4); count > 0; count--) {
    const at = Math.floor(random() * mutated.length);
    const kind = random();
    if (kind < 0.4) mutated[at]! ^= 1 << Math.floor(random() * 8);
    else if (kind < 0.7) mutated[at] = interesting[Math.floor(random() * interesting.length)]!;
    else if (kind < 0.85) mutated = mutated.slice(0, at);
    else {
      const inserted = new Uint8Array(mutated.length + 3);
      inserted.set(mutated.subarray(0, at));
      inserted.set(mutated.subarray(at), at + 3);
      mutated = inserted;
    }
    if (mutated.length === 0) break;
  }
  return mutated;
}

/** The same vault, parsed; or a VaultError. Anything else fails the test. */
function read(parse: () => unknown, words: string): VaultError | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (error instanceof VaultError) return error;
    throw new Error(`${words}: ${error instanceof Error ? error.stack : error}`);
  }
}

function wrapped(record: Uint8Array, vaultId: Uint8Array): Uint8Array {
  const header = encodeHeader({
    vaultId,
    generation: 9,
    recordOffset: firstRecordOffset,
    recordLength: record.length,
    recordHash: sha256(record),
  });
  const file = new Uint8Array(firstRecordOffset + record.length);
  file.set(header, headerSpacing);
  file.set(record, firstRecordOffset);
  return file;
}

test('40,000 mutated files: an error of ours, or a generation that was written', async () => {
  const { file } = await sample();
  const random = seededRandom(1);
  const compact = file.subarray(0, file.length);
  for (let round = 0; round < 40_000; round++) {
    // Half of them in the headers, where most of the decisions are.
    const mutated = Uint8Array.from(compact);
    const region =
      random() < 0.5 ? random() * 120 + (random() < 0.5 ? 0 : headerSpacing) : random() * file.length;
    mutated[Math.floor(region) % file.length]! ^= 1 + Math.floor(random() * 255);
    const cut = random() < 0.2 ? mutated.subarray(0, Math.floor(random() * mutated.length)) : mutated;
    read(() => {
      const { generation } = parseVault(cut);
      assert.ok(generation === 1 || generation === 2);
    }, `round ${round}`);
  }
});

test('40,000 mutated records with fitting hashes: none but the true one passes its signature', async () => {
  const { file, content } = await sample();
  const live = findLiveSlot(file);
  const random = seededRandom(2);
  const problems = new Map<string, number>();
  for (let round = 0; round < 40_000; round++) {
    const record = mutate(live.record, random);
    const same = Buffer.compare(record, live.record) === 0;
    const problem = read(() => {
      const parsed = parseVault(wrapped(record, live.vaultId));
      // What is not signed is only which compartments there are.
      if (!same && parsed.compartments.length > 0) assert.equal(parsed.name, content.name);
      for (const { encoded } of parsed.compartments) {
        assert.ok(content.compartments.some((known) => Buffer.compare(known.encoded, encoded) === 0));
      }
    }, `round ${round}`);
    problems.set(problem?.problem ?? 'none', (problems.get(problem?.problem ?? 'none') ?? 0) + 1);
  }
  assert.ok((problems.get('forged') ?? 0) > 1000, 'many get as far as the signature');
  assert.ok((problems.get('damaged') ?? 0) > 1000);
});

test('20,000 mutated compartments that their signer did sign: typed errors only', async () => {
  const { file } = await sample();
  const live = findLiveSlot(file);
  const [stored] = parseRecord(live.vaultId, live.record).compartments;
  const seed = allocateBlock(32);
  const signer = ed25519PublicKey(seed.address);
  const unsigned = Uint8Array.from(stored!.encoded.subarray(0, -64));
  const signerAt = Buffer.from(unsigned).indexOf(stored!.signer);
  const random = seededRandom(3);
  const problems = new Set<string>();
  for (let round = 0; round < 20_000; round++) {
    const mutated = mutate(unsigned, random);
    if (mutated.length > signerAt + 32) mutated.set(signer, signerAt);
    const signature = ed25519Sign(seed.address, signedOctets(live.vaultId, 'Travel', mutated));
    const record = encodeRecord('Travel', [Buffer.concat([mutated, signature])]);
    const problem = read(() => parseRecord(live.vaultId, record), `round ${round}`);
    problems.add(problem?.problem ?? 'none');
  }
  assert.ok(problems.has('none') && problems.has('damaged'), [...problems].join());
});
