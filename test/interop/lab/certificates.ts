// A certification authority for the tests, by strongSwan's own tool: an independent maker of what we have to check.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';

export type KeyKind = 'rsa' | 'ecdsa';

export interface Credential {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface CertificateWishes {
  readonly subject: string;
  /** Host name, mail address or IP address. */
  readonly alternativeName?: string;
  readonly extendedUse?: readonly ('serverAuth' | 'clientAuth')[];
  /** Bits of the key; default 2048 (RSA) and 256 (ECDSA). */
  readonly keySize?: number;
  /** Days from now; default -1 and 30. */
  readonly validFromDays?: number;
  readonly validToDays?: number;
}

export class CertificateAuthority {
  readonly certificatePem: string;
  readonly #directory: string;
  readonly #kind: KeyKind;
  #serial = 0;

  private constructor(directory: string, kind: KeyKind, certificatePem: string) {
    this.#directory = directory;
    this.#kind = kind;
    this.certificatePem = certificatePem;
  }

  static async create(
    directory: string,
    kind: KeyKind,
    subject = 'O=Office, CN=Office CA',
  ): Promise<CertificateAuthority> {
    mkdirSync(directory, { recursive: true });
    const keyFile = join(directory, 'ca.key');
    writeFileSync(keyFile, await generateKey(kind), { mode: 0o600 });
    const certificate = await pki(
      '--self',
      '--ca',
      '--in',
      keyFile,
      '--type',
      kind,
      '--dn',
      subject,
      '--digest',
      'sha256',
    );
    writeFileSync(join(directory, 'ca.pem'), certificate);
    return new CertificateAuthority(directory, kind, certificate);
  }

  /** An intermediate authority below this one. */
  async createIntermediate(subject: string): Promise<CertificateAuthority> {
    this.#serial += 1;
    const directory = join(this.#directory, `intermediate-${this.#serial}`);
    mkdirSync(directory, { recursive: true });
    const { certificatePem, privateKeyPem } = await this.#issue(this.#kind, { subject }, ['--ca']);
    writeFileSync(join(directory, 'ca.key'), privateKeyPem, { mode: 0o600 });
    writeFileSync(join(directory, 'ca.pem'), certificatePem);
    return new CertificateAuthority(directory, this.#kind, certificatePem);
  }

  /** What an authority makes of a request (PKCS #10, PEM). */
  async sign(requestFile: string): Promise<string> {
    this.#serial += 1;
    const issuer = ['--cacert', join(this.#directory, 'ca.pem'), '--cakey', join(this.#directory, 'ca.key')];
    const serial = ['--serial', String(1000 + this.#serial)];
    return await pki(
      '--issue',
      '--type',
      'pkcs10',
      '--in',
      requestFile,
      ...issuer,
      ...serial,
      '--digest',
      'sha256',
    );
  }

  async issue(kind: KeyKind, wishes: CertificateWishes): Promise<Credential> {
    return await this.#issue(kind, wishes, []);
  }

  async #issue(kind: KeyKind, wishes: CertificateWishes, extra: readonly string[]): Promise<Credential> {
    this.#serial += 1;
    const keyFile = join(this.#directory, `${this.#serial}.key`);
    const privateKeyPem = await generateKey(kind, wishes.keySize);
    writeFileSync(keyFile, privateKeyPem, { mode: 0o600 });
    const certificatePem = await pki(
      ...['--issue', '--cacert', join(this.#directory, 'ca.pem'), '--cakey', join(this.#directory, 'ca.key')],
      ...['--in', keyFile, '--type', kind, '--dn', wishes.subject, '--digest', 'sha256'],
      ...[
        '--not-before',
        dateText(wishes.validFromDays ?? -1),
        '--not-after',
        dateText(wishes.validToDays ?? 30),
      ],
      ...(wishes.alternativeName === undefined ? [] : ['--san', wishes.alternativeName]),
      ...(wishes.extendedUse ?? []).flatMap((use) => ['--flag', use]),
      ...extra,
    );
    return { certificatePem, privateKeyPem };
  }
}

/** PKCS #1 or SEC 1, as strongSwan's users have it. */
async function generateKey(kind: KeyKind, size = kind === 'rsa' ? 2048 : 256): Promise<string> {
  return await pki('--gen', '--type', kind, '--size', String(size));
}

async function pki(...words: readonly string[]): Promise<string> {
  return await command(['pki', ...words, '--outform', 'pem']);
}

/** The format that pki takes by default: day.month.year hours:minutes:seconds, in UTC. */
function dateText(daysFromNow: number): string {
  const date = new Date(Date.now() + daysFromNow * 86_400_000);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${two(date.getUTCDate())}.${two(date.getUTCMonth() + 1)}.${two(date.getUTCFullYear() % 100)}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
}
