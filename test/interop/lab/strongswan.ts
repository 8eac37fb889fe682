// Debian's strongSwan in a namespace, with its ESP in user space (kernel-libipsec) and everything it writes kept apart:
// several run side by side.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { attempt, CommandError, type CommandOutcome, until } from './command.ts';
import type { Namespace, RunningProcess } from './lab.ts';
import { charonProgram } from './requirements.ts';

/** A section of strongswan.conf or swanctl.conf. */
export interface Settings {
  readonly [key: string]: string | number | Settings;
}

export interface CharonOptions {
  /** The whole of swanctl.conf: connections, secrets, pools, authorities. */
  readonly swanctl: Settings;
  /** Files by their place under the swanctl directory: "x509/gateway.pem", "private/gateway.pem", "x509ca/ca.pem". */
  readonly files?: Readonly<Record<string, string>>;
  /** Added to the section "charon" of strongswan.conf. */
  readonly charon?: Settings;
  /** Install the virtual address that a gateway gives us: for an initiator. */
  readonly installVirtualAddress?: boolean;
}

// OpenSSL's implementations come first: strongSwan's own AES-GCM is a tenth as fast.
const plugins =
  'random nonce openssl aes sha1 sha2 hmac kdf chapoly curve25519 gmp pem pkcs1 pkcs8 x509 pubkey constraints ' +
  'gcrypt eap-identity eap-mschapv2 eap-gtc eap-md5 xauth-generic revocation attr vici kernel-libipsec kernel-netlink socket-default updown counters';

export class Charon {
  readonly namespace: Namespace;
  readonly directory: string;
  #options: CharonOptions;
  #process: RunningProcess | undefined;
  static #count = 0;

  private constructor(namespace: Namespace, options: CharonOptions) {
    Charon.#count += 1;
    this.namespace = namespace;
    this.directory = join(namespace.lab.directory, `charon-${Charon.#count}-${namespace.role}`);
    this.#options = options;
  }

  /** Starts the daemon and loads the configuration; resolves when it answers. */
  static async start(namespace: Namespace, options: CharonOptions): Promise<Charon> {
    const charon = new Charon(namespace, options);
    mkdirSync(join(charon.directory, 'run'), { recursive: true });
    await charon.startDaemon();
    return charon;
  }

  /** Starts the daemon again, after `stop` or `kill`, with the configuration it had. */
  async startDaemon(): Promise<void> {
    const configuration = join(this.directory, 'strongswan.conf');
    writeFileSync(configuration, renderSettings(this.#daemonSettings()));
    // Its pid file has a fixed place under /run: give it a /run of its own.
    const script = `mount --bind ${this.directory}/run /run && exec ${charonProgram}`;
    this.#process = this.namespace.start(['unshare', '-m', 'sh', '-c', script], {
      STRONGSWAN_CONF: configuration,
    });
    const process = this.#process;
    await until(
      'an answer from charon',
      10_000,
      async () => {
        if (process.over) throw new Error(`charon ended: ${process.stderr}\n${this.log()}`);
        return (await this.#swanctl(['--stats'])).code === 0 ? true : undefined;
      },
      30,
    );
    await this.load(this.#options);
  }

  /** Replaces the configuration of the running daemon. */
  async load(options: CharonOptions): Promise<void> {
    this.#options = options;
    const directory = join(this.directory, 'swanctl');
    mkdirSync(directory, { recursive: true });
    for (const [place, text] of Object.entries(options.files ?? {})) {
      mkdirSync(dirname(join(directory, place)), { recursive: true });
      writeFileSync(join(directory, place), text, { mode: 0o600 });
    }
    writeFileSync(join(directory, 'swanctl.conf'), renderSettings(options.swanctl), { mode: 0o600 });
    await this.swanctl(['--load-all', '--noprompt', '--clear']);
  }

  /** Resolves to what swanctl printed; rejects when it failed, with the end of the daemon's log. */
  async swanctl(words: readonly string[]): Promise<string> {
    const outcome = await this.#swanctl(words);
    if (outcome.code === 0) return outcome.stdout;
    throw new CommandError(['swanctl', ...words], {
      ...outcome,
      stderr: `${outcome.stderr}\n${this.log(40)}`,
    });
  }

  async initiate(child: string, timeoutSeconds = 10): Promise<void> {
    await this.swanctl(['--initiate', '--child', child, '--timeout', String(timeoutSeconds)]);
  }

  async terminate(connection: string): Promise<void> {
    await this.swanctl(['--terminate', '--ike', connection, '--timeout', '5']);
  }

  async rekeyChild(child: string): Promise<void> {
    await this.swanctl(['--rekey', '--child', child]);
  }

  async rekeyIke(connection: string): Promise<void> {
    await this.swanctl(['--rekey', '--ike', connection]);
  }

  /** Text of `swanctl --list-sas`. */
  async associations(): Promise<string> {
    return await this.swanctl(['--list-sas']);
  }

  /** Sends a signal to the daemon: SIGSTOP makes the gateway silent, SIGCONT brings it back. */
  signal(name: NodeJS.Signals): void {
    this.#process?.child.kill(name);
  }

  get processId(): number {
    return this.#process?.processId ?? -1;
  }

  /** Ends the daemon politely (it tells its peers), or by SIGKILL (it does not). */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#process?.stop(signal);
    this.#process = undefined;
  }

  /** The last lines of the daemon's log. */
  log(lines = 200): string {
    try {
      return readFileSync(join(this.directory, 'log'), 'utf8').split('\n').slice(-lines).join('\n');
    } catch {
      return '';
    }
  }

  async #swanctl(words: readonly string[]): Promise<CommandOutcome> {
    return await attempt(['swanctl', ...words, '--uri', `unix://${this.directory}/vici`], {
      environment: {
        SWANCTL_DIR: join(this.directory, 'swanctl'),
        STRONGSWAN_CONF: join(this.directory, 'strongswan.conf'),
      },
    });
  }

  #daemonSettings(): Settings {
    return {
      charon: {
        load: plugins,
        install_virtual_ip: this.#options.installVirtualAddress === true ? 'yes' : 'no',
        filelog: {
          all: {
            path: join(this.directory, 'log'),
            default: 1,
            ike: 2,
            knl: 2,
            flush_line: 'yes',
            ike_name: 'yes',
          },
        },
        plugins: {
          // Asks for a password by GTC, and looks it up among the secrets.
          'eap-gtc': { backend: 'generic' },
          vici: { socket: `unix://${this.directory}/vici` },
        },
        ...this.#options.charon,
      },
      swanctl: { load: 'random openssl pem pkcs1 pkcs8 x509 pubkey' },
    };
  }
}

export function renderSettings(settings: Settings, indent = ''): string {
  return Object.entries(settings)
    .map(([key, value]) =>
      typeof value === 'object'
        ? `${indent}${key} {\n${renderSettings(value, `${indent}  `)}${indent}}\n`
        : `${indent}${key} = ${value}\n`,
    )
    .join('');
}
