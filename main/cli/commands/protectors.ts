// What opens a vault, as the command line gives it: passphrases typed without echo, keys kept in the user's keychain,
// recovery codes made here and shown once.
import { randomBytes } from 'node:crypto';
import type { ControlClient } from '../../control/client.ts';
import { ControlError } from '../../control/failure.ts';
import type { NewProtectorValue } from '../../control/key-methods.ts';
import {
  formatRecoveryCode,
  makeRecoverySecret,
  RecoveryCodeError,
  readRecoveryCode,
} from '../../control/recovery-code.ts';
import {
  forgetWrappingKey,
  KeychainError,
  makeWrappingKey,
  readWrappingKey,
} from '../../keys/keychain/keychain.ts';
import { type CommandContext, UsageError } from '../terminal.ts';
import { firstLine } from './profiles.ts';

export interface ProtectorOptions {
  readonly protector: readonly NewProtectorValue['type'][];
  readonly card?: string;
  readonly passphraseStdin?: true;
}

export interface ProtectorUploads {
  passphrase?: Uint8Array;
  wrappingKey?: Uint8Array;
  recoverySecret?: Uint8Array;
}

/** Asks for or makes what the protectors need, and hands it to `use`; 1 where the person interrupted. */
export async function withNewProtectors(
  context: CommandContext,
  options: ProtectorOptions,
  use: (protectors: NewProtectorValue[], uploads: ProtectorUploads) => Promise<void>,
): Promise<number | undefined> {
  const protectors: NewProtectorValue[] = [];
  const uploads: ProtectorUploads = {};
  let code: Buffer | undefined;
  let keychainId: string | undefined;
  try {
    for (const type of options.protector) {
      if (type === 'passphrase') {
        const passphrase = await newPassphrase(context, options.passphraseStdin === true);
        if (passphrase === undefined) return 1;
        uploads.passphrase = passphrase;
      }
      if (type === 'recovery') {
        const secret = makeRecoverySecret();
        code = formatRecoveryCode(secret);
        uploads.recoverySecret = secret;
      }
      if (type === 'keychain') {
        keychainId = randomBytes(16).toString('hex');
        uploads.wrappingKey = await inWords(() => makeWrappingKey(keychainId!));
      }
      const label = labels[type];
      if (type === 'card') protectors.push({ type, label, ...(options.card && { card: options.card }) });
      else if (type === 'keychain') protectors.push({ type, label, id: keychainId });
      else protectors.push({ type, label });
    }
    try {
      await use(protectors, uploads);
    } catch (error) {
      if (keychainId !== undefined) await forgetWrappingKey(keychainId).catch(() => false);
      throw error;
    }
    if (code !== undefined) showCode(context, code);
    return undefined;
  } finally {
    code?.fill(0);
    for (const upload of Object.values(uploads)) upload?.fill(0);
  }
}

/** Asks for a recovery code; `use` gets its bits. */
export async function withRecoveryCode(
  context: CommandContext,
  use: (secret: Uint8Array) => Promise<void>,
): Promise<number | undefined> {
  const { terminal } = context;
  const typed = terminal.inputIsTerminal
    ? await terminal.askSecret('Recovery code: ')
    : firstLine(await terminal.readAll());
  if (typed === undefined) return 1;
  try {
    await use(readRecoveryCode(typed));
    return undefined;
  } catch (error) {
    if (error instanceof RecoveryCodeError) throw new UsageError(error.message.replace(/\.$/, ''));
    throw error;
  } finally {
    typed.fill(0);
  }
}

/** Opens what the user's keychain has keys for; undefined: nothing, so that something else has to. */
export async function openByKeychain(
  client: ControlClient,
  target: { vault: string; compartment?: string },
): Promise<{ opened: string[]; missing: string[] } | undefined> {
  const { vaults } = await client.call('vault.list', {});
  const vault = vaults.find(({ name }) => name === target.vault);
  const locked = (vault?.compartments ?? []).filter(
    ({ name, open }) => !open && (target.compartment ?? name) === name,
  );
  const ids = locked.flatMap(({ protectors }) => protectors.filter(({ type }) => type === 'keychain'));
  const opened: string[] = [];
  const missing: string[] = [];
  for (const { id } of ids) {
    const wrappingKey = await readQuietly(id);
    if (wrappingKey === undefined) continue;
    const value = await client.call('vault.open', { ...target, protector: id }, { wrappingKey });
    opened.push(...value.opened);
    missing.push(...value.missing);
  }
  return opened.length === 0 && missing.length === 0 ? undefined : { opened, missing };
}

const labels: Readonly<Record<NewProtectorValue['type'], string>> = {
  passphrase: 'passphrase',
  keychain: 'keychain',
  system: 'this computer',
  recovery: 'recovery code',
  card: 'card',
};

async function newPassphrase(context: CommandContext, fromInput: boolean): Promise<Buffer | undefined> {
  const { terminal } = context;
  if (fromInput || !terminal.inputIsTerminal) return firstLine(await terminal.readAll());
  const first = await terminal.askSecret('New passphrase: ');
  if (first === undefined) return undefined;
  const second = await terminal.askSecret('Once more: ');
  const same = second !== undefined && first.equals(second);
  second?.fill(0);
  if (same) return first;
  first.fill(0);
  if (second === undefined) return undefined;
  throw new UsageError('the two are not the same; nothing was made');
}

/** To the terminal and never into what --json prints for a program. */
function showCode({ terminal }: CommandContext, code: Buffer): void {
  terminal.writeError(
    'Recovery code, shown this once; write it down and keep it apart from the vault:\n\n    ',
  );
  terminal.writeError(code.toString('latin1'));
  terminal.writeError('\n\n');
}

async function readQuietly(id: string): Promise<Buffer | undefined> {
  try {
    return await readWrappingKey(id);
  } catch (error) {
    if (error instanceof KeychainError) return undefined;
    throw error;
  }
}

async function inWords<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof KeychainError)) throw error;
    throw new ControlError({ code: 'keychain-unusable', detail: error.message.replace(/\.$/, '') });
  }
}
