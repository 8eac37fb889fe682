// The terminal that the command really runs in.
import { writeSync } from 'node:fs';
import type { Terminal } from './terminal.ts';

const fallbackSize = { columns: 80, rows: 24 };

export function systemTerminal(environment: NodeJS.ProcessEnv): Terminal {
  const { stdin, stdout } = process;
  // Whoever reads our output may stop early, as head does.
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  return {
    write: (text) => void stdout.write(text),
    writeError: (text) => void process.stderr.write(text),
    outputIsTerminal: stdout.isTTY === true,
    inputIsTerminal: stdin.isTTY === true,
    size: () => (stdout.isTTY ? { columns: stdout.columns, rows: stdout.rows } : fallbackSize),
    colour: (environment.NO_COLOR ?? '') === '' && environment.TERM !== 'dumb',
    readAll,
    askSecret,
    onKey,
    onInterrupt(interrupted) {
      process.once('SIGINT', interrupted);
      process.once('SIGTERM', interrupted);
      return () => {
        process.off('SIGINT', interrupted);
        process.off('SIGTERM', interrupted);
      };
    },
    onResize(resized) {
      stdout.on('resize', resized);
      return () => stdout.off('resize', resized);
    },
  };
}

async function readAll(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const whole = Buffer.concat(chunks);
  for (const chunk of chunks) chunk.fill(0);
  return whole;
}

function onKey(pressed: (key: string) => void): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) return () => undefined;
  const listener = (bytes: Buffer) => pressed(bytes.toString());
  stdin.setRawMode(true);
  stdin.on('data', listener);
  stdin.resume();
  return () => {
    stdin.off('data', listener);
    stdin.setRawMode(false);
    stdin.pause();
  };
}

const longestSecret = 4096;

/** The bytes are gathered in one buffer and never become a string. */
function askSecret(question: string, signal?: AbortSignal): Promise<Buffer | undefined> {
  const { stdin } = process;
  const secret = Buffer.from(new ArrayBuffer(longestSecret));
  let length = 0;
  // First: whoever sees the question may type at once.
  stdin.setRawMode(true);
  writeSync(2, question);
  stdin.resume();
  return new Promise((resolve) => {
    const giveUp = () => finish(undefined);
    const finish = (answer: Buffer | undefined) => {
      signal?.removeEventListener('abort', giveUp);
      stdin.off('data', listener);
      stdin.setRawMode(false);
      stdin.pause();
      writeSync(2, '\n');
      if (answer === undefined) secret.fill(0);
      resolve(answer);
    };
    const listener = (bytes: Buffer) => {
      for (const byte of bytes) {
        if (byte === 0x0d || byte === 0x0a || byte === 0x04) {
          bytes.fill(0);
          finish(secret.subarray(0, length));
          return;
        }
        if (byte === 0x03) {
          finish(undefined);
          return;
        }
        if (byte === 0x7f || byte === 0x08) length = previousCharacter(secret, length);
        else if (byte === 0x15) length = 0;
        else if (length < longestSecret) secret[length++] = byte;
      }
      bytes.fill(0);
    };
    stdin.on('data', listener);
    signal?.addEventListener('abort', giveUp, { once: true });
    if (signal?.aborted === true) giveUp();
  });
}

/** Where the last character of UTF-8 begins. */
function previousCharacter(bytes: Buffer, length: number): number {
  let start = Math.max(0, length - 1);
  while (start > 0 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start--;
  return start;
}
