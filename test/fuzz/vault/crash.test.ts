// A crash or a power cut at any byte leaves the old or the new state: every prefix of what is written is replayed, with
// torn and reordered sectors, and a process that writes is killed at random moments.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { parseVault, writeVault } from '../../../main/keys/vault/vault.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import { seededRandom } from '../../fakes/random.ts';
import { applied, makeVault, putPsk, RecordingStorage, type StorageStep } from '../../keys/vault/vaults.ts';

const memory = new SecretMemory();
after(() => memory.close());
const sectorBytes = 512;

/** Ten generations of a vault that grows and shrinks; each with the file before and what was asked of the medium. */
async function history() {
  const storage = new RecordingStorage();
  let { content, compartment } = await makeVault(memory, storage);
  const changes: { before: Uint8Array; steps: StorageStep[]; generation: number }[] = [];
  for (let round = 0; round < 10; round++) {
    const before = storage.bytes;
    storage.steps.length = 0;
    const length = [10, 3000, 9000, 20, 20_000, 5, 12_000, 100, 60_000, 40][round]!;
    putPsk(compartment, 'office', 'x'.repeat(length));
    content = await writeVault(storage, content, { write: [compartment] });
    changes.push({ before, steps: [...storage.steps], generation: content.generation });
  }
  compartment.close();
  return changes;
}

/** What was synced is there; of what was written since, any part may be. */
function afterPowerCut(before: Uint8Array, steps: readonly StorageStep[], random: () => number): Uint8Array {
  let file = before;
  const lastSync = steps.findLastIndex(({ type }) => type === 'sync');
  for (const [index, step] of steps.entries()) {
    if (step.type === 'sync') continue;
    if (index < lastSync) {
      file = applied(file, step.offset, step.bytes);
      continue;
    }
    for (let offset = 0; offset < step.bytes.length; offset += sectorBytes) {
      const chance = random();
      if (chance < 0.4) continue;
      const sector = step.bytes.slice(offset, offset + sectorBytes);
      // A torn sector: its beginning, and rubbish.
      if (chance < 0.6)
        for (let at = Math.floor(random() * sector.length); at < sector.length; at++)
          sector[at] = random() * 256;
      file = applied(file, step.offset + offset, sector);
    }
  }
  // The file may not have grown as far as it was written.
  return random() < 0.3
    ? file.subarray(0, Math.max(before.length, Math.floor(file.length * random())))
    : file;
}

test('every prefix of the writes, to the byte, is the old state or the new', async () => {
  for (const { before, steps, generation } of await history()) {
    let file = before;
    for (const step of steps) {
      if (step.type === 'sync') continue;
      const stride = step.bytes.length > 200 ? 97 : 1;
      for (let length = 0; length < step.bytes.length; length += stride) {
        const found: number = parseVault(
          applied(file, step.offset, step.bytes.subarray(0, length)),
        ).generation;
        assert.equal(found, generation - 1);
      }
      file = applied(file, step.offset, step.bytes);
    }
    assert.equal(parseVault(file).generation, generation);
  }
});

test('sectors that are lost, torn or out of order since the last sync leave the old state or the new', async () => {
  const random = seededRandom(20_261_122);
  const seen = new Set<boolean>();
  for (const { before, steps, generation } of await history()) {
    for (let count = 0; count <= steps.length; count++) {
      for (let round = 0; round < 40; round++) {
        const found = parseVault(afterPowerCut(before, steps.slice(0, count), random)).generation;
        assert.ok(found === generation || found === generation - 1, `generation ${found} of ${generation}`);
        seen.add(found === generation);
      }
    }
  }
  assert.equal(seen.size, 2, 'both outcomes were met');
});

test('the record is durable before its header is begun', async () => {
  for (const { steps } of await history()) {
    assert.deepEqual(
      steps.map(({ type }) => type),
      ['write', 'sync', 'write', 'sync'],
    );
    assert.ok(steps[2]?.type === 'write' && steps[2].offset < 8192 && steps[2].bytes.length <= sectorBytes);
  }
});

test('processes that write are killed 200 times: the vault is whole, and no older than what they reported', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sealnic-vault-'));
  const random = seededRandom(4);
  try {
    await Promise.all([0, 1].map((lane) => killWriters(join(directory, `${lane}.vault`), 100, random)));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

async function killWriters(path: string, times: number, random: () => number): Promise<void> {
  const storage = new RecordingStorage();
  const { compartment } = await makeVault(memory, storage);
  compartment.close();
  writeFileSync(path, storage.bytes);
  let generation = 1;
  for (let kills = 0; kills < times; kills++) {
    const reported = await killWriter(path, random() * 40);
    const found = parseVault(readFileSync(path)).generation;
    assert.ok(found >= Math.max(generation, reported), `generation ${found} after ${reported} was reported`);
    generation = found;
  }
  assert.ok(generation > times / 2, `they wrote: ${generation} generations`);
}

/** Starts a writer, kills it some time after its first report, and gives the generation that it reported last. */
function killWriter(path: string, milliseconds: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), path], {
      stdio: ['ignore', 'pipe', 'inherit'],
      // The second and later ones start faster.
      env: { ...process.env, NODE_COMPILE_CACHE: join(dirname(path), 'compiled') },
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      if (said === '') setTimeout(() => child.kill('SIGKILL'), milliseconds);
      said += chunk;
    });
    child.on('error', reject);
    child.on('close', () => resolve(Number(said.split('\n').at(-2) ?? 0)));
  });
}
