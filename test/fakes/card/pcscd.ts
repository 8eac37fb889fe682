// A real pcscd with a virtual reader (vsmartcard-vpcd), in a network and mount namespace of its own, and cards of software
// that are put in and taken out.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { enterNetworkNamespace } from '../../../native/libc-process.ts';
import { type VirtualCard, virtualCardAtr } from './virtual-card.ts';

const driver = '/usr/lib/pcsc/drivers/serial/libifdvpcd.so';
const port = 35963;
/** vpcd writes length and message apart: each APDU would wait 40 ms for a delayed acknowledgement, as no reader does. */
const acknowledgeAtOnce = ['127.0.0.0/8', '127.0.0.1']
  .map((local) => `ip route change local ${local} dev lo table local scope host src 127.0.0.1 quickack 1`)
  .join(' && ');
export const readerName = 'Virtual PCD 00 00';

/** Why there can be none here; false where there can. */
export const cannotRunCards: string | false =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'needs root on Linux'
    : existsSync('/usr/sbin/pcscd') && existsSync(driver)
      ? false
      : 'needs pcscd and vsmartcard-vpcd';

export class CardLab {
  readonly directory = mkdtempSync(join(tmpdir(), 'sealnic-cards-'));
  #daemon: ChildProcess | undefined;

  /** Where clients reach the daemon: PCSCLITE_CSOCK_NAME. */
  get socket(): string {
    return join(this.directory, 'pcscd.comm');
  }

  async start(): Promise<void> {
    mkdirSync('/run/pcscd', { recursive: true });
    const configuration = join(this.directory, 'readers');
    mkdirSync(configuration, { recursive: true });
    const text = `FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:0x${port.toString(16)}\nLIBPATH ${driver}\nCHANNELID 0x${port.toString(16)}\n`;
    writeFileSync(join(configuration, 'vpcd'), text);
    rmSync(this.socket, { force: true });
    const script = `ip link set lo up && ${acknowledgeAtOnce} && mount --bind "$0" /run/pcscd && exec pcscd --foreground -c "$1"`;
    this.#daemon = spawn(
      'unshare',
      [
        '--mount',
        '--net',
        'setpriv',
        '--pdeathsig',
        'KILL',
        'sh',
        '-c',
        script,
        this.directory,
        configuration,
      ],
      {
        stdio: 'ignore',
      },
    );
    for (let waited = 0; !existsSync(this.socket); waited++) {
      if (waited > 1000 || this.#daemon.exitCode !== null) throw new Error('pcscd does not start');
      await sleep(20);
    }
  }

  /** As a crash would. */
  async kill(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null) return;
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGKILL');
    await ended;
  }

  /** Puts a card into the reader. */
  async insert(card: VirtualCard): Promise<InsertedCard> {
    for (let tries = 0; ; tries++) {
      const socket = await connectToReader(this.#daemon?.pid);
      if (socket !== undefined) return new InsertedCard(socket, card);
      if (tries > 500) throw new Error('the virtual reader does not answer');
      await sleep(20);
    }
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A connection to the virtual reader in the network namespace of a process; undefined where none listens. */
export async function connectToReader(pid: number | undefined): Promise<Socket | undefined> {
  const namespace = `/proc/${pid}/ns/net`;
  if (pid === undefined || readlinkSync(namespace) === readlinkSync('/proc/self/ns/net')) return undefined;
  const home = openSync('/proc/self/ns/net', 'r');
  enterNetworkNamespace(namespace);
  let socket: Socket;
  try {
    socket = connect({ host: '127.0.0.1', port });
    // The system's socket is made in the next tick.
    await new Promise<void>((resolve) => process.nextTick(resolve));
  } finally {
    enterNetworkNamespace(`/proc/self/fd/${home}`);
    closeSync(home);
  }
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}

/** The client's side of vpcd's protocol: 16-bit length and message; one byte: 0 off, 1 on, 2 reset, 4 give the ATR. */
export class InsertedCard {
  readonly card: VirtualCard;
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, card: VirtualCard) {
    this.card = card;
    this.#socket = socket;
    card.reset();
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', () => undefined);
    socket.unref();
  }

  /** Takes the card out. */
  remove(): void {
    this.#socket.destroy();
    this.card.reset();
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 2) {
      const length = this.#received.readUInt16BE(0);
      if (this.#received.length < 2 + length) return;
      const message = this.#received.subarray(2, 2 + length);
      this.#received = this.#received.subarray(2 + length);
      this.#serve(message);
    }
  }

  #serve(message: Buffer): void {
    if (message.length === 1) {
      if (message[0] === 4) this.#send(virtualCardAtr);
      else this.card.reset();
      return;
    }
    this.#send(this.card.answer(message));
  }

  #send(bytes: Uint8Array): void {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(bytes.length);
    this.#socket.write(Buffer.concat([length, bytes]));
  }
}
