// CNG, the cryptography of Windows (bcrypt.dll): AEAD by address, one key handle for each key.
import koffi from 'koffi';
import { bindWindows } from './kernel32.ts';
import { allocateBlock, type NativeBlock, writePointer } from './libc-memory.ts';

const library = koffi.load('bcrypt.dll');

const openProvider = bindWindows<
  (handle: number, name: string, implementation: number, flags: number) => number
>(
  library,
  'int32_t __stdcall BCryptOpenAlgorithmProvider(uintptr_t handle, const char16_t *name, uintptr_t implementation, uint32_t flags)',
);
const setProperty = bindWindows<
  (handle: number, name: string, value: string, length: number, flags: number) => number
>(
  library,
  'int32_t __stdcall BCryptSetProperty(uintptr_t handle, const char16_t *name, const char16_t *value, uint32_t length, uint32_t flags)',
);
const generateKey = bindWindows<
  (
    provider: number,
    handle: number,
    object: number,
    objectLength: number,
    secret: number,
    length: number,
    flags: number,
  ) => number
>(
  library,
  'int32_t __stdcall BCryptGenerateSymmetricKey(uintptr_t provider, uintptr_t handle, uintptr_t object, uint32_t objectLength, uintptr_t secret, uint32_t length, uint32_t flags)',
);
const destroyKey = bindWindows<(key: number) => number>(
  library,
  'int32_t __stdcall BCryptDestroyKey(uintptr_t key)',
);
type Crypt = (
  key: number,
  input: number,
  inputLength: number,
  information: number,
  iv: number,
  ivLength: number,
  output: number,
  outputLength: number,
  resultLength: number,
  flags: number,
) => number;
const cryptParameters =
  '(uintptr_t key, uintptr_t input, uint32_t inputLength, uintptr_t information, uintptr_t iv, uint32_t ivLength, uintptr_t output, uint32_t outputLength, uintptr_t resultLength, uint32_t flags)';
const encrypt = bindWindows<Crypt>(library, `int32_t __stdcall BCryptEncrypt${cryptParameters}`);
const decrypt = bindWindows<Crypt>(library, `int32_t __stdcall BCryptDecrypt${cryptParameters}`);

/** CNG's own names. ChaCha20-Poly1305 came with Windows 11. */
export type CngCipher = 'AES-GCM' | 'CHACHA20_POLY1305';

/** A call of CNG failed; `status` is an NTSTATUS. */
export class CngError extends Error {
  override readonly name = 'CngError';
  readonly status: number;

  constructor(call: string, status: number) {
    super(`${call} failed with status 0x${(status >>> 0).toString(16)}.`);
    this.status = status;
  }
}

const ivLength = 12;
const tagLength = 16;
const providers = new Map<CngCipher, number>();

/**
 * BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO, 88 bytes: size 0 and version 4 (32 bits), then addresses each with a length:
 * IV 8, additional data 24, tag 40.
 */
const information = { size: 88, version: 1, iv: 8, additional: 24, tag: 40 } as const;

/** One key, for both directions. 12-byte IVs, 16-byte tags; all places are addresses. Output may be the input. */
export class CngKey {
  readonly #information: NativeBlock = allocateBlock(information.size + 8);
  #key: number;

  /** Throws CngError, where this Windows lacks the cipher too. */
  constructor(cipher: CngCipher, keyAddress: number, keyLength: number) {
    const handle = allocateBlock(8);
    const status = generateKey(providerOf(cipher), handle.address, 0, 0, keyAddress, keyLength, 0);
    if (status !== 0) throw new CngError('BCryptGenerateSymmetricKey', status);
    this.#key = Number(handle.view.getBigUint64(0, true));
    const { view } = this.#information;
    view.setUint32(0, information.size, true);
    view.setUint32(4, information.version, true);
    view.setUint32(information.iv + 8, ivLength, true);
    view.setUint32(information.tag + 8, tagLength, true);
  }

  /** Encrypts `length` bytes and writes the tag. Throws CngError. */
  seal(
    iv: number,
    additional: number,
    additionalLength: number,
    input: number,
    length: number,
    output: number,
    tag: number,
  ): void {
    const status = this.#call(encrypt, iv, additional, additionalLength, input, length, output, tag);
    if (status !== 0) throw new CngError('BCryptEncrypt', status);
  }

  /** Decrypts and checks the tag; on false the output is worthless. */
  open(
    iv: number,
    additional: number,
    additionalLength: number,
    input: number,
    length: number,
    output: number,
    tag: number,
  ): boolean {
    return this.#call(decrypt, iv, additional, additionalLength, input, length, output, tag) === 0;
  }

  /** Wipes the key. Nothing may be called afterwards. */
  destroy(): void {
    if (this.#key !== 0) destroyKey(this.#key);
    this.#key = 0;
  }

  #call(
    crypt: Crypt,
    iv: number,
    additional: number,
    additionalLength: number,
    input: number,
    length: number,
    output: number,
    tag: number,
  ): number {
    const { view, address } = this.#information;
    writePointer(view, information.iv, iv);
    writePointer(view, information.additional, additional);
    view.setUint32(information.additional + 8, additionalLength, true);
    writePointer(view, information.tag, tag);
    return crypt(this.#key, input, length, address, 0, 0, output, length, address + information.size, 0);
  }
}

function providerOf(cipher: CngCipher): number {
  const known = providers.get(cipher);
  if (known !== undefined) return known;
  const handle = allocateBlock(8);
  const opened = openProvider(handle.address, cipher === 'AES-GCM' ? 'AES' : cipher, 0, 0);
  if (opened !== 0) throw new CngError(`BCryptOpenAlgorithmProvider (${cipher})`, opened);
  const provider = Number(handle.view.getBigUint64(0, true));
  if (cipher === 'AES-GCM') {
    const mode = 'ChainingModeGCM';
    const set = setProperty(provider, 'ChainingMode', mode, (mode.length + 1) * 2, 0);
    if (set !== 0) throw new CngError('BCryptSetProperty', set);
  }
  providers.set(cipher, provider);
  return provider;
}
