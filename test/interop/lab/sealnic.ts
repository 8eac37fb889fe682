// Our service in a namespace, driven by the `sealnic` command as a person would, with every path and number its own.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConnectionStatus, FilterRow, Status } from '../../../main/control/values.ts';
import { attempt, CommandError, type CommandOutcome, until } from './command.ts';
import type { Namespace, RunningProcess } from './lab.ts';

/** The `sealnic` command's own file. */
export const sealnicProgram = fileURLToPath(new URL('../../../main/cli/sealnic.ts', import.meta.url));

const sleepPreload = fileURLToPath(new URL('scripts/sleep-preload.ts', import.meta.url));

/** None of them is a default, so that nothing works by accident. */
export const labInterface = 'sn0';
export const labFirewallTable = 'sealnic-lab';

export type SecretKind = 'psk' | 'private-key' | 'certificate' | 'authority';

export class SealNic {
  readonly namespace: Namespace;
  readonly directory: string;
  #process: RunningProcess | undefined;
  #log = '';
  #environment: Readonly<Record<string, string>> = {};
  static #count = 0;

  /** In milliseconds, what the service's clock shall have slept; see scripts/sleepy-clock.ts. */
  get #sleptFile(): string {
    return join(this.directory, 'slept');
  }

  private constructor(namespace: Namespace) {
    SealNic.#count += 1;
    this.namespace = namespace;
    this.directory = join(namespace.lab.directory, `sealnic-${SealNic.#count}`);
  }

  /** Writes the configuration and starts the service; resolves when it answers. */
  static async start(
    namespace: Namespace,
    logLevel: 'info' | 'debug' = 'debug',
    further: {
      readonly configuration?: readonly string[];
      /** Lines of the table [service]. */
      readonly service?: readonly string[];
      readonly sleeps?: boolean;
    } = {},
  ): Promise<SealNic> {
    const service = new SealNic(namespace);
    mkdirSync(join(service.directory, 'profiles'), { recursive: true, mode: 0o700 });
    writeFileSync(
      service.configurationFile,
      [service.#configuration(logLevel, further.service ?? []), ...(further.configuration ?? [])].join('\n'),
    );
    if (further.sleeps === true) {
      writeFileSync(service.#sleptFile, '0');
      service.#environment = {
        SEALNIC_TEST_SLEPT: service.#sleptFile,
        NODE_OPTIONS: `--import ${sleepPreload}`,
      };
    }
    await service.startService();
    return service;
  }

  get configurationFile(): string {
    return join(this.directory, 'service.toml');
  }

  get controlSocket(): string {
    return join(this.directory, 'control.sock');
  }

  get processId(): number {
    return this.#process?.processId ?? -1;
  }

  /** Starts the service again, after `stop` or `kill`. */
  async startService(): Promise<void> {
    this.spawnService();
    const process = this.#process!;
    await until(
      'the service',
      15_000,
      async () => {
        if (process.over) throw new Error(`the service ended:\n${this.log()}`);
        return process.stderr.includes('serves at') ? true : undefined;
      },
      10,
    );
  }

  /** The same without waiting. */
  spawnService(): void {
    this.#log = this.log();
    this.#process = this.namespace.start(
      [process.execPath, sealnicProgram, 'service', 'run', '--config', this.configurationFile],
      this.#environment,
    );
  }

  /** The service stands still, and when it goes on its clock says that it slept that long. */
  async sleep(milliseconds: number, meanwhile: () => Promise<void>): Promise<void> {
    const before = Number(readFileSync(this.#sleptFile, 'utf8'));
    this.#signal('SIGSTOP');
    try {
      await meanwhile();
      writeFileSync(this.#sleptFile, String(before + milliseconds));
    } finally {
      this.#signal('SIGCONT');
    }
  }

  #signal(signal: NodeJS.Signals): void {
    process.kill(this.processId, signal);
  }

  /** SIGKILL: nothing is undone. */
  async kill(): Promise<void> {
    await this.#process?.stop('SIGKILL');
  }

  async stop(): Promise<number> {
    return (await this.#process?.stop('SIGTERM', 10_000)) ?? 0;
  }

  /** What all processes of this service wrote so far. */
  log(): string {
    return `${this.#log}${this.#process?.stderr ?? ''}${this.#process?.stdout ?? ''}`;
  }

  /** Runs `sealnic` with the words and resolves to its outcome, whatever the exit code. */
  async attempt(words: readonly string[], input?: string): Promise<CommandOutcome> {
    return await attempt([process.execPath, sealnicProgram, '--control', this.controlSocket, ...words], {
      ...(input === undefined ? {} : { input }),
      timeoutMilliseconds: 90_000,
    });
  }

  /** Rejects unless the exit code is 0; the error ends with the service's log. */
  async run(words: readonly string[], input?: string): Promise<string> {
    const outcome = await this.attempt(words, input);
    if (outcome.code === 0) return outcome.stdout;
    const stderr = `${outcome.stderr}\n--- service\n${this.log().split('\n').slice(-40).join('\n')}`;
    throw new CommandError(['sealnic', ...words], { ...outcome, stderr });
  }

  async importProfile(name: string, text: string): Promise<void> {
    const file = join(this.directory, `${name}.toml`);
    writeFileSync(file, text);
    await this.run(['profiles', 'import', '--replace', file]);
  }

  async putSecret(name: string, kind: SecretKind, content: string): Promise<void> {
    await this.run(['secrets', 'put', name, '--kind', kind], content);
  }

  async up(profile: string): Promise<ConnectionStatus> {
    return JSON.parse(await this.run(['up', profile, '--json'])) as ConnectionStatus;
  }

  async down(profile: string): Promise<void> {
    await this.run(['down', profile]);
  }

  async status(): Promise<Status> {
    return JSON.parse(await this.run(['status', '--json'])) as Status;
  }

  async connection(profile: string): Promise<ConnectionStatus | undefined> {
    return (await this.status()).connections.find((each) => each.profile === profile);
  }

  async filterRows(): Promise<readonly FilterRow[]> {
    const { rows } = JSON.parse(await this.run(['filter', 'list', '--json'])) as {
      rows: FilterRow[];
    };
    return rows;
  }

  async rekey(profile: string, layer: 'child' | 'ike'): Promise<void> {
    await this.run(['sa', 'rekey', profile, ...(layer === 'ike' ? ['--ike'] : [])]);
  }

  #configuration(logLevel: string, lines: readonly string[]): string {
    return [
      '[service]',
      `control_socket = "${this.controlSocket}"`,
      `profile_directory = "${this.directory}/profiles"`,
      `state_directory = "${this.directory}/state"`,
      `filter = "${this.directory}/filter.toml"`,
      `log_level = "${logLevel}"`,
      ...lines,
      '[network]',
      `interface = "${labInterface}"`,
      'mark = 4660',
      'routing_table = 4661',
      'rule_priority = 1300',
      `firewall_table = "${labFirewallTable}"`,
      '',
    ].join('\n');
  }
}
