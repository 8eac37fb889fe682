// Of OpenSSL (EVP, exported by Node's own binary) what the vault needs: X25519, Ed25519, Argon2id and HKDF, all by address, so
// that keys stay in the memory where they lie.
import koffi from 'koffi';
import { allocateBlock, type NativeBlock } from './libc-memory.ts';

const library = koffi.load(null);

function bind<Call extends (...values: never[]) => unknown>(signature: string): Call {
  return library.func(signature) as unknown as Call;
}

const newPrivateKey = bind<(type: number, engine: number, key: number, length: number) => number>(
  'uintptr_t EVP_PKEY_new_raw_private_key(int type, uintptr_t engine, uintptr_t key, size_t length)',
);
const newPublicKey = bind<(type: number, engine: number, key: number, length: number) => number>(
  'uintptr_t EVP_PKEY_new_raw_public_key(int type, uintptr_t engine, uintptr_t key, size_t length)',
);
const rawPublicKey = bind<(key: number, output: number, length: number) => number>(
  'int EVP_PKEY_get_raw_public_key(uintptr_t key, uintptr_t output, uintptr_t length)',
);
const keyFree = bind<(key: number) => void>('void EVP_PKEY_free(uintptr_t key)');
const keyContextNew = bind<(key: number, engine: number) => number>(
  'uintptr_t EVP_PKEY_CTX_new(uintptr_t key, uintptr_t engine)',
);
const keyContextFree = bind<(context: number) => void>('void EVP_PKEY_CTX_free(uintptr_t context)');
const deriveInit = bind<(context: number) => number>('int EVP_PKEY_derive_init(uintptr_t context)');
const deriveSetPeer = bind<(context: number, peer: number) => number>(
  'int EVP_PKEY_derive_set_peer(uintptr_t context, uintptr_t peer)',
);
const derive = bind<(context: number, output: number, length: number) => number>(
  'int EVP_PKEY_derive(uintptr_t context, uintptr_t output, uintptr_t length)',
);
const digestContextNew = bind<() => number>('uintptr_t EVP_MD_CTX_new()');
const digestContextFree = bind<(context: number) => void>('void EVP_MD_CTX_free(uintptr_t context)');
const signInit = bind<
  (context: number, keyContext: number, digest: number, engine: number, key: number) => number
>(
  'int EVP_DigestSignInit(uintptr_t context, uintptr_t keyContext, uintptr_t digest, uintptr_t engine, uintptr_t key)',
);
const sign = bind<
  (context: number, output: number, outputLength: number, data: Uint8Array, length: number) => number
>(
  'int EVP_DigestSign(uintptr_t context, uintptr_t output, uintptr_t outputLength, const uint8_t *data, size_t length)',
);
const verifyInit = bind<
  (context: number, keyContext: number, digest: number, engine: number, key: number) => number
>(
  'int EVP_DigestVerifyInit(uintptr_t context, uintptr_t keyContext, uintptr_t digest, uintptr_t engine, uintptr_t key)',
);
const verify = bind<
  (context: number, signature: number, signatureLength: number, data: Uint8Array, length: number) => number
>(
  'int EVP_DigestVerify(uintptr_t context, uintptr_t signature, size_t signatureLength, const uint8_t *data, size_t length)',
);
const clearErrors = bind<() => void>('void ERR_clear_error()');
const kdfFetch = bind<(context: number, name: string, properties: number) => number>(
  'uintptr_t EVP_KDF_fetch(uintptr_t context, const char *name, uintptr_t properties)',
);
const kdfContextNew = bind<(kdf: number) => number>('uintptr_t EVP_KDF_CTX_new(uintptr_t kdf)');
const kdfContextFree = bind<(context: number) => void>('void EVP_KDF_CTX_free(uintptr_t context)');
const kdfDerive = library.func(
  'int EVP_KDF_derive(uintptr_t context, uintptr_t output, size_t length, uintptr_t parameters)',
);

const typeX25519 = 1034;
const typeEd25519 = 1087;
const keyBytes = 32;
const signatureBytes = 64;

/** The public key, 32 bytes, of an X25519 private key at an address. */
export function x25519PublicKey(privateKeyAddress: number): Uint8Array {
  return publicKeyOf(typeX25519, privateKeyAddress);
}

/**
 * X25519 (RFC 7748): writes the 32-byte shared secret to `outputAddress`. False for a peer's key of small order, with
 * which the secret would be zero.
 */
export function x25519Agree(
  privateKeyAddress: number,
  peerPublicKey: Uint8Array,
  outputAddress: number,
): boolean {
  const peer = openKey(newPublicKey, typeX25519, blockOf(peerPublicKey, keyBytes).address);
  const own = openKey(newPrivateKey, typeX25519, privateKeyAddress);
  const context = keyContextNew(own, 0);
  try {
    const length = allocateBlock(8);
    length.view.setBigUint64(0, BigInt(keyBytes), true);
    const agreed =
      deriveInit(context) === 1 &&
      deriveSetPeer(context, peer) === 1 &&
      derive(context, outputAddress, length.address) === 1;
    clearErrors();
    return agreed && length.view.getBigUint64(0, true) === BigInt(keyBytes);
  } finally {
    keyContextFree(context);
    keyFree(own);
    keyFree(peer);
  }
}

/** The public key, 32 bytes, of an Ed25519 seed at an address. */
export function ed25519PublicKey(seedAddress: number): Uint8Array {
  return publicKeyOf(typeEd25519, seedAddress);
}

/** Ed25519 (RFC 8032): 64 bytes. */
export function ed25519Sign(seedAddress: number, data: Uint8Array): Uint8Array {
  const key = openKey(newPrivateKey, typeEd25519, seedAddress);
  const context = digestContextNew();
  try {
    const signature = allocateBlock(signatureBytes);
    const length = allocateBlock(8);
    length.view.setBigUint64(0, BigInt(signatureBytes), true);
    const signed =
      signInit(context, 0, 0, 0, key) === 1 &&
      sign(context, signature.address, length.address, data, data.length) === 1;
    if (!signed) throw new Error('OpenSSL failed to sign.');
    return Uint8Array.from(signature.bytes);
  } finally {
    digestContextFree(context);
    keyFree(key);
  }
}

export function ed25519Verify(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  const key = openKey(newPublicKey, typeEd25519, blockOf(publicKey, keyBytes).address);
  const context = digestContextNew();
  try {
    const block = blockOf(signature, signatureBytes);
    const valid =
      verifyInit(context, 0, 0, 0, key) === 1 &&
      verify(context, block.address, signatureBytes, data, data.length) === 1;
    clearErrors();
    return valid;
  } finally {
    digestContextFree(context);
    keyFree(key);
  }
}

export interface Argon2Costs {
  readonly memoryKibibytes: number;
  readonly passes: number;
  readonly lanes: number;
}

/**
 * Argon2id (RFC 9106) on a thread of the pool: passphrase and result are at addresses that stay valid until the promise
 * settles. Rejects where the memory cannot be had.
 */
export async function argon2id(
  passphrase: { readonly address: number; readonly length: number },
  salt: Uint8Array,
  costs: Argon2Costs,
  output: { readonly address: number; readonly length: number },
): Promise<void> {
  const saltBlock = blockOf(salt, salt.length);
  const numbers = allocateBlock(12);
  numbers.view.setUint32(0, costs.passes, true);
  numbers.view.setUint32(4, costs.memoryKibibytes, true);
  numbers.view.setUint32(8, costs.lanes, true);
  const parameters = new ParameterList(5);
  parameters.add('pass', octets, passphrase.address, passphrase.length);
  parameters.add('salt', octets, saltBlock.address, salt.length);
  parameters.add('iter', unsignedInteger, numbers.address, 4);
  parameters.add('memcost', unsignedInteger, numbers.address + 4, 4);
  parameters.add('lanes', unsignedInteger, numbers.address + 8, 4);
  argon2Kdf ||= kdfFetch(0, 'ARGON2ID', 0);
  const context = kdfContextNew(argon2Kdf);
  try {
    await new Promise<void>((resolve, reject) => {
      kdfDerive.async(
        context,
        output.address,
        output.length,
        parameters.address,
        (error: unknown, result: number) => {
          if (error) reject(error);
          else if (result !== 1) reject(new Error('There is not enough memory to check the passphrase.'));
          else resolve();
        },
      );
    });
  } finally {
    kdfContextFree(context);
    // Referenced until here: native code knew them by address only.
    keepAlive(saltBlock, numbers, parameters);
  }
}

/** HKDF with SHA-256 (RFC 5869), from and to addresses. */
export function hkdfSha256(
  secret: { readonly address: number; readonly length: number },
  salt: Uint8Array,
  info: Uint8Array,
  output: { readonly address: number; readonly length: number },
): void {
  const saltBlock = blockOf(salt, salt.length);
  const infoBlock = blockOf(info, info.length);
  const digest = blockOf(Buffer.from('SHA256', 'latin1'), 6);
  const parameters = new ParameterList(4);
  parameters.add('digest', text, digest.address, 6);
  parameters.add('key', octets, secret.address, secret.length);
  parameters.add('salt', octets, saltBlock.address, salt.length);
  parameters.add('info', octets, infoBlock.address, info.length);
  hkdfKdf ||= kdfFetch(0, 'HKDF', 0);
  const context = kdfContextNew(hkdfKdf);
  try {
    if (kdfDerive(context, output.address, output.length, parameters.address) !== 1) {
      throw new Error('OpenSSL failed to derive a key.');
    }
  } finally {
    kdfContextFree(context);
    keepAlive(saltBlock, infoBlock, digest, parameters);
  }
}

let argon2Kdf = 0;
let hkdfKdf = 0;

const unsignedInteger = 2;
const text = 4;
const octets = 5;
/** struct ossl_param_st: key, data type (32 bits and padding), data, its size, size returned. */
const parameterBytes = 40;

/** An array of OSSL_PARAM with its closing entry. */
class ParameterList {
  readonly #block: NativeBlock;
  readonly #names: NativeBlock[] = [];

  constructor(count: number) {
    this.#block = allocateBlock((count + 1) * parameterBytes);
  }

  get address(): number {
    return this.#block.address;
  }

  add(name: string, type: number, address: number, length: number): void {
    const ended = allocateBlock(name.length + 1);
    ended.bytes.set(Buffer.from(name, 'latin1'));
    const offset = this.#names.length * parameterBytes;
    const { view } = this.#block;
    view.setBigUint64(offset, BigInt(ended.address), true);
    view.setUint32(offset + 8, type, true);
    view.setBigUint64(offset + 16, BigInt(address), true);
    view.setBigUint64(offset + 24, BigInt(length), true);
    this.#names.push(ended);
  }
}

function keepAlive(...values: unknown[]): number {
  return values.length;
}

function publicKeyOf(type: number, privateKeyAddress: number): Uint8Array {
  const key = openKey(newPrivateKey, type, privateKeyAddress);
  try {
    const output = allocateBlock(keyBytes);
    const length = allocateBlock(8);
    length.view.setBigUint64(0, BigInt(keyBytes), true);
    if (rawPublicKey(key, output.address, length.address) !== 1) {
      throw new Error('OpenSSL gave no public key.');
    }
    return Uint8Array.from(output.bytes);
  } finally {
    keyFree(key);
  }
}

function openKey(make: typeof newPrivateKey, type: number, address: number): number {
  const key = make(type, 0, address, keyBytes);
  if (key === 0) throw new Error('OpenSSL refused a key.');
  return key;
}

function blockOf(bytes: Uint8Array, length: number): NativeBlock {
  if (bytes.length !== length) throw new RangeError(`${length} bytes are needed, not ${bytes.length}`);
  const block = allocateBlock(Math.max(1, length));
  block.bytes.set(bytes);
  return block;
}
