// The user's keychain (Secret Service, Keychain, Credential Manager): holds the wrapping keys of vaults and nothing else.
// Runs in the user's own programs, the app and the command; the service cannot reach it.
import { randomFillSync } from 'node:crypto';

const service = 'SealNIC';
const wrappingKeyBytes = 32;
/** A locked keychain may ask its user for a password first. */
const answerMilliseconds = 60_000;

/** The keychain cannot be used; the message says why, for a person. */
export class KeychainError extends Error {
  override readonly name = 'KeychainError';
}

/** Makes a wrapping key, stores it, and reads it back to be sure. The caller wipes it. Throws KeychainError. */
export async function makeWrappingKey(id: string): Promise<Buffer> {
  const key = randomFillSync(Buffer.from(new ArrayBuffer(wrappingKeyBytes)));
  const keytar = await loadKeytar();
  await answered(keytar.setPassword(service, accountOf(id), key.toString('base64')));
  const kept = await readWrappingKey(id);
  const same = kept?.equals(key) === true;
  kept?.fill(0);
  if (same) return key;
  key.fill(0);
  throw new KeychainError('The keychain did not keep the key: it may be locked.');
}

/**
 * The wrapping key of a protector; the caller wipes it. undefined: the keychain is locked, or has none of that id, which
 * cannot be told apart: never a reason to make a new one. Throws KeychainError.
 */
export async function readWrappingKey(id: string): Promise<Buffer | undefined> {
  const keytar = await loadKeytar();
  const text = await answered(keytar.getPassword(service, accountOf(id)));
  if (text === null) return undefined;
  const key = Buffer.from(text, 'base64');
  if (key.length === wrappingKeyBytes) return key;
  throw new KeychainError('The key in the keychain is damaged.');
}

/** False where there was none, or the keychain is locked. Throws KeychainError. */
export async function forgetWrappingKey(id: string): Promise<boolean> {
  const keytar = await loadKeytar();
  return await answered(keytar.deletePassword(service, accountOf(id)));
}

function accountOf(id: string): string {
  return `vault key ${id}`;
}

async function loadKeytar() {
  try {
    return (await import('keytar')).default;
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new KeychainError(
      `This computer's keychain cannot be reached (${why}); on Linux it needs libsecret.`,
    );
  }
}

async function answered<Value>(call: Promise<Value>): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new KeychainError('The keychain does not answer.')),
    answerMilliseconds,
  );
  try {
    return await Promise.race([call, late.promise]);
  } catch (error) {
    if (error instanceof KeychainError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new KeychainError(`The keychain cannot be used: ${why}.`);
  } finally {
    clearTimeout(timer);
  }
}
