// OpenSSL's EVP interface, which Node exports from its own binary (Node 24: OpenSSL 3.5). Addresses are Numbers.
import koffi from 'koffi';
import { allocateBlock } from './libc-memory.ts';

const library = koffi.load(null);

function bind<Call extends (...values: never[]) => unknown>(signature: string): Call {
  return library.func(signature) as unknown as Call;
}

const cipherFetch = bind<(context: number, name: string, properties: number) => number>(
  'uintptr_t EVP_CIPHER_fetch(uintptr_t context, const char *name, uintptr_t properties)',
);
const contextNew = bind<() => number>('uintptr_t EVP_CIPHER_CTX_new()');
const contextFree = bind<(context: number) => void>('void EVP_CIPHER_CTX_free(uintptr_t context)');
const contextControl = bind<(context: number, type: number, argument: number, address: number) => number>(
  'int EVP_CIPHER_CTX_ctrl(uintptr_t context, int type, int argument, uintptr_t address)',
);
const encryptInit = bind<
  (context: number, cipher: number, engine: number, key: number, iv: number) => number
>(
  'int EVP_EncryptInit_ex(uintptr_t context, uintptr_t cipher, uintptr_t engine, uintptr_t key, uintptr_t iv)',
);
const encryptUpdate = bind<
  (context: number, output: number, outputLength: number, input: number, inputLength: number) => number
>(
  'int EVP_EncryptUpdate(uintptr_t context, uintptr_t output, uintptr_t outputLength, uintptr_t input, int inputLength)',
);
const encryptFinal = bind<(context: number, output: number, outputLength: number) => number>(
  'int EVP_EncryptFinal_ex(uintptr_t context, uintptr_t output, uintptr_t outputLength)',
);
const decryptInit = bind<
  (context: number, cipher: number, engine: number, key: number, iv: number) => number
>(
  'int EVP_DecryptInit_ex(uintptr_t context, uintptr_t cipher, uintptr_t engine, uintptr_t key, uintptr_t iv)',
);
const decryptUpdate = bind<
  (context: number, output: number, outputLength: number, input: number, inputLength: number) => number
>(
  'int EVP_DecryptUpdate(uintptr_t context, uintptr_t output, uintptr_t outputLength, uintptr_t input, int inputLength)',
);
const decryptFinal = bind<(context: number, output: number, outputLength: number) => number>(
  'int EVP_DecryptFinal_ex(uintptr_t context, uintptr_t output, uintptr_t outputLength)',
);

const controlSetIvLength = 0x9;
const controlGetTag = 0x10;
const controlSetTag = 0x11;
const tagLength = 16;
const ivLength = 12;

/** Where EVP writes lengths and empty final blocks that nobody reads. The functions below
 * hold on to the block itself: with its address alone it would be collected. */
const scratch = allocateBlock(64);
const lengthAddress = (): number => scratch.address;
const finalAddress = (): number => scratch.address + 16;

/** OpenSSL's own names. */
export type AeadCipherName = 'AES-128-GCM' | 'AES-256-GCM' | 'ChaCha20-Poly1305';

const fetched = new Map<AeadCipherName, number>();

function fetchCipher(name: AeadCipherName): number {
  const known = fetched.get(name);
  if (known !== undefined) return known;
  const cipher = cipherFetch(0, name, 0);
  if (cipher === 0) throw new Error(`This Node's OpenSSL does not offer ${name}.`);
  fetched.set(name, cipher);
  return cipher;
}

/** One key for sealing. Only the 12-byte IV changes from packet to packet. The context holds the only copy of the key. */
export class AeadEncryption {
  #context: number;

  /** `key`: 16 or 32 bytes by the cipher, in memory outside the JavaScript heap or not moved during the call. */
  constructor(name: AeadCipherName, keyAddress: number) {
    const cipher = fetchCipher(name);
    this.#context = contextNew();
    if (
      encryptInit(this.#context, cipher, 0, 0, 0) !== 1 ||
      contextControl(this.#context, controlSetIvLength, ivLength, 0) !== 1 ||
      encryptInit(this.#context, 0, 0, keyAddress, 0) !== 1
    ) {
      this.free();
      throw new Error(`OpenSSL refused the key for ${name}.`);
    }
  }

  begin(ivAddress: number, additionalAddress: number, additionalLength: number): void {
    encryptInit(this.#context, 0, 0, 0, ivAddress);
    encryptUpdate(this.#context, 0, lengthAddress(), additionalAddress, additionalLength);
  }

  update(inputAddress: number, length: number, outputAddress: number): void {
    encryptUpdate(this.#context, outputAddress, lengthAddress(), inputAddress, length);
  }

  /** Writes the 16-byte tag. */
  finish(tagAddress: number): void {
    const done = encryptFinal(this.#context, finalAddress(), lengthAddress());
    if (done !== 1 || contextControl(this.#context, controlGetTag, tagLength, tagAddress) !== 1) {
      throw new Error('OpenSSL failed to seal.');
    }
  }

  /** Wipes the key. Nothing may be called afterwards. */
  free(): void {
    if (this.#context !== 0) contextFree(this.#context);
    this.#context = 0;
  }
}

/** One key for opening. */
export class AeadDecryption {
  #context: number;

  constructor(name: AeadCipherName, keyAddress: number) {
    const cipher = fetchCipher(name);
    this.#context = contextNew();
    if (
      decryptInit(this.#context, cipher, 0, 0, 0) !== 1 ||
      contextControl(this.#context, controlSetIvLength, ivLength, 0) !== 1 ||
      decryptInit(this.#context, 0, 0, keyAddress, 0) !== 1
    ) {
      this.free();
      throw new Error(`OpenSSL refused the key for ${name}.`);
    }
  }

  /** Decrypts and checks the 16-byte tag in constant time; on false the output is worthless. */
  open(
    ivAddress: number,
    additionalAddress: number,
    additionalLength: number,
    inputAddress: number,
    length: number,
    outputAddress: number,
    tagAddress: number,
  ): boolean {
    const context = this.#context;
    return (
      decryptInit(context, 0, 0, 0, ivAddress) === 1 &&
      contextControl(context, controlSetTag, tagLength, tagAddress) === 1 &&
      decryptUpdate(context, 0, lengthAddress(), additionalAddress, additionalLength) === 1 &&
      decryptUpdate(context, outputAddress, lengthAddress(), inputAddress, length) === 1 &&
      decryptFinal(context, finalAddress(), lengthAddress()) === 1
    );
  }

  free(): void {
    if (this.#context !== 0) contextFree(this.#context);
    this.#context = 0;
  }
}
