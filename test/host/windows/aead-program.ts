// Runs in node.exe: both AEAD backends of Windows against the published vectors, whole, in parts, moved and tampered with.
import { cngBackend } from '../../../main/service/data/cng-backend.ts';
import { opensslBackend } from '../../../main/service/data/openssl-backend.ts';
import { addressOf } from '../../../native/libc-memory.ts';
import { type EspVector, espVectors, hex, toHex } from '../../engine/esp/vectors.ts';

const nonceAt = 0;
const additionalAt = 16;
const dataAt = 64;
const elsewhere = 4_096;
const bytes = new Uint8Array(8_192);
const memory = { buffer: bytes.buffer, bytes, view: new DataView(bytes.buffer), address: addressOf(bytes) };

const said = Object.fromEntries(
  [opensslBackend, cngBackend].map((backend) => {
    const right: string[] = [];
    const missing: string[] = [];
    for (const vector of espVectors) {
      try {
        backend.createSealer(memory, vector.algorithm, hex(vector.key)).destroy();
      } catch {
        missing.push(vector.name);
        continue;
      }
      if (seals(backend, vector) && opens(backend, vector)) right.push(vector.name);
    }
    return [backend.name, { right, missing }];
  }),
);
console.log(JSON.stringify(said));

function prepare(vector: EspVector): void {
  bytes.fill(0);
  bytes.set(hex(vector.salt + vector.iv), nonceAt);
  memory.view.setUint32(additionalAt, vector.spi);
  memory.view.setUint32(additionalAt + 4, vector.sequence);
}

function seals(backend: typeof cngBackend, vector: EspVector): boolean {
  const plaintext = hex(vector.plaintext);
  const { length } = plaintext;
  const sealer = backend.createSealer(memory, vector.algorithm, hex(vector.key));
  const results = [[length], [20, 3, length - 23]].flatMap((parts) =>
    [dataAt, elsewhere].map((outputAt) => {
      prepare(vector);
      bytes.set(plaintext, dataAt);
      sealer.begin(nonceAt, additionalAt, 8);
      let done = 0;
      for (const part of parts) {
        sealer.update(dataAt + done, part, outputAt + done);
        done += part;
      }
      sealer.finish(outputAt + done);
      return toHex(bytes.subarray(outputAt, outputAt + done + 16)) === vector.ciphertext;
    }),
  );
  sealer.destroy();
  return results.every(Boolean);
}

function opens(backend: typeof cngBackend, vector: EspVector): boolean {
  const ciphertext = hex(vector.ciphertext);
  const length = ciphertext.length - 16;
  const opener = backend.createOpener(memory, vector.algorithm, hex(vector.key));
  const open = (outputAt: number) =>
    opener.open(nonceAt, additionalAt, 8, dataAt, length, outputAt, dataAt + length);
  const results = [dataAt, elsewhere].map((outputAt) => {
    prepare(vector);
    bytes.set(ciphertext, dataAt);
    return open(outputAt) && toHex(bytes.subarray(outputAt, outputAt + length)) === vector.plaintext;
  });
  for (const place of [
    nonceAt,
    additionalAt,
    additionalAt + 7,
    dataAt,
    dataAt + length - 1,
    dataAt + length + 15,
  ]) {
    prepare(vector);
    bytes.set(ciphertext, dataAt);
    bytes[place]! ^= 1;
    results.push(!open(elsewhere));
  }
  opener.destroy();
  return results.every(Boolean);
}
