// The process that one PKCS#11 module runs in: gives up its rights, loads the module, and answers one request after the
// other on descriptor 3. Arguments: the user to become, the module. It ends with whoever started it.
import { read, write } from '../../../../native/libc-io.ts';
import { mapLockedPages } from '../../../../native/locked-memory/index.ts';
import type { Module } from '../../../../native/pkcs11/binding.ts';
import { openModule } from '../../../../native/pkcs11/index.ts';
import { CardError } from '../contract.ts';
import { confineProcess } from './confinement/index.ts';
import {
  formatProblem,
  frameLength,
  garbage,
  largestAnswer,
  largestRequest,
  type ModuleRequest,
  readParts,
  writeFrame,
} from './messages.ts';
import { explained, Tokens } from './token.ts';
import { doTokenWork } from './token-work.ts';

const channel = 3;
const [user = '', path = ''] = process.argv.slice(2);
process.title = 'sealnic-card-module';
const request = mapLockedPages(largestRequest);
const answer = mapLockedPages(largestAnswer);

await confineProcess(user, channel + 1);
serve(load());

/** What cannot be loaded answers everything with why. */
function load(): { module: Module; tokens: Tokens } | CardError {
  try {
    const module = explained(() => openModule(path));
    return { module, tokens: new Tokens(module) };
  } catch (error) {
    return asCardError(error);
  }
}

function serve(loaded: ReturnType<typeof load>): void {
  for (;;) {
    if (!receive(0, 4)) return;
    const length = new DataView(request.bytes.buffer, request.bytes.byteOffset).getUint32(0, true);
    if (length > largestRequest - 4 || !receive(4, length)) return;
    const size = answerTo(request.bytes.subarray(4, 4 + length), loaded);
    request.bytes.fill(0, 0, 4 + length);
    const sent = send(size);
    answer.bytes.fill(0, 0, size);
    if (!sent) return;
  }
}

/** Writes the answer and gives its length. */
function answerTo(body: Uint8Array, loaded: ReturnType<typeof load>): number {
  try {
    if (loaded instanceof CardError) throw loaded;
    const [json, ...parts] = readParts(body);
    const wanted = JSON.parse(Buffer.from(json!).toString('utf8')) as ModuleRequest;
    const result = doTokenWork(loaded.module, loaded.tokens, wanted, parts);
    const size = frameLength(result, true);
    if (size > largestAnswer) throw garbage();
    writeFrame(answer.bytes, result, false);
    return size;
  } catch (error) {
    const parts = [formatProblem(asCardError(error))];
    writeFrame(answer.bytes, parts, true);
    return frameLength(parts, true);
  } finally {
    if (!(loaded instanceof CardError)) loaded.module.scratch.reset();
  }
}

function receive(offset: number, length: number): boolean {
  for (let got = 0; got < length; ) {
    const count = read(channel, request.address + offset + got, length - got);
    if (count <= 0) return false;
    got += count;
  }
  return true;
}

function send(length: number): boolean {
  for (let done = 0; done < length; ) {
    const count = write(channel, answer.address + done, length - done);
    if (count <= 0) return false;
    done += count;
  }
  return true;
}

function asCardError(error: unknown): CardError {
  if (error instanceof CardError) return error;
  return new CardError('bad-answer', error instanceof Error ? error.message : 'the module failed');
}
