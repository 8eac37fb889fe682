// A token of software: SoftHSM2 with a store of its own, made ready as a real one comes from whoever gives it out.
import { execFile } from 'node:child_process';
import { createPrivateKey, type KeyObject } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const installed = '/usr/lib/softhsm/libsofthsm2.so';
/** Without links on the way: others are refused. */
export const softHsmModule = existsSync(installed) ? realpathSync(installed) : installed;
export const tokenPin = '123456';
export const officerPin = '87654321';
/** Whom the modules' processes become. */
const nobody = 65534;

/** Why there can be none here; false where there can. */
export const cannotRunSoftHsm: string | false =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'needs root on Linux'
    : existsSync(softHsmModule) && existsSync('/usr/bin/softhsm2-util')
      ? false
      : 'needs softhsm2';

export class SoftHsm {
  readonly directory = mkdtempSync(join(tmpdir(), 'sealnic-softhsm-'));

  constructor() {
    chmodSync(this.directory, 0o711);
    mkdirSync(this.#tokens);
    const text = `directories.tokendir = ${this.#tokens}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = true\n`;
    writeFileSync(join(this.directory, 'softhsm2.conf'), text, { mode: 0o644 });
  }

  /** What the module needs in its environment. */
  get environment(): Readonly<Record<string, string>> {
    return { SOFTHSM2_CONF: join(this.directory, 'softhsm2.conf') };
  }

  /** A fresh token. */
  async initialize(label = 'laptop'): Promise<void> {
    await this.#util('--init-token', '--free', '--label', label, '--pin', tokenPin, '--so-pin', officerPin);
    this.#handOver();
  }

  /** A key that came from elsewhere. `id`: hexadecimal. By OpenSC, which knows nothing of us, as what follows. */
  async importKey(
    id: string,
    key: KeyObject | string,
    use: 'sign' | 'derive' | 'decrypt' = 'sign',
  ): Promise<void> {
    const file = join(this.directory, 'key.der');
    const object = typeof key === 'string' ? createPrivateKey(key) : key;
    writeFileSync(file, object.export({ type: 'pkcs8', format: 'der' }), { mode: 0o600 });
    await this.#write(file, '--type', 'privkey', '--id', id, `--usage-${use}`);
  }

  /** DER. */
  async importCertificate(id: string, certificate: Uint8Array): Promise<void> {
    const file = join(this.directory, 'certificate.der');
    writeFileSync(file, certificate);
    await this.#write(file, '--type', 'cert', '--id', id);
  }

  /** OpenSC's pkcs11-tool with this token. */
  async tool(...words: readonly string[]): Promise<string> {
    const { stdout } = await run('pkcs11-tool', ['--module', softHsmModule, ...words], {
      env: this.environment,
    });
    return stdout;
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  get #tokens(): string {
    return join(this.directory, 'tokens');
  }

  async #write(file: string, ...words: readonly string[]): Promise<void> {
    await this.tool('--login', '--pin', tokenPin, '--write-object', file, ...words);
    rmSync(file);
    this.#handOver();
  }

  async #util(...words: readonly string[]): Promise<void> {
    await run('softhsm2-util', words, { env: this.environment });
  }

  #handOver(): void {
    chownSync(this.#tokens, nobody, nobody);
    for (const name of readdirSync(this.#tokens, { recursive: true, encoding: 'utf8' })) {
      chownSync(join(this.#tokens, name), nobody, nobody);
    }
  }
}
