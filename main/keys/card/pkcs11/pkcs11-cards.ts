// The tokens of all PKCS#11 modules on the control thread: hands work with them to the process of their module.
import type { SignatureScheme } from '../../../engine/ike/contract.ts';
import {
  type CardAdministration,
  type CardDescription,
  CardError,
  type CardEvent,
  type CardKeyAlgorithm,
  type CardObjectName,
  type CardOperationOptions,
  type CardPin,
  type CardReaderState,
  type CardSecretMemory,
  type Cards,
  type KeyPurpose,
} from '../contract.ts';
import { keySize, pointKey } from '../piv-data.ts';
import type { ModulePin, ModuleRequest } from './messages.ts';
import { type NewKey, readNewKey } from './public-key.ts';
import { labelOf } from './purposes.ts';
import { dataToSign, ecdsaDer, mechanismOf } from './signature.ts';
import { deadline, TokenSlots, type TokenSlotsOptions } from './token-slots.ts';

export class Pkcs11Cards implements Cards {
  readonly provider = 'pkcs11';
  readonly #memory: CardSecretMemory;
  readonly #slots: TokenSlots;
  /** Keys whose certificates are not there yet, by card and purpose. */
  readonly #made = new Map<string, NewKey>();

  constructor(options: TokenSlotsOptions) {
    this.#memory = options.memory;
    this.#slots = new TokenSlots(options);
  }

  start(): void {
    this.#slots.start();
  }

  get state(): CardReaderState {
    return this.#slots.state;
  }
  get readers(): readonly string[] {
    return this.#slots.readers;
  }
  get cards(): readonly CardDescription[] {
    return this.#slots.cards;
  }
  /** Processes of the modules that run. */
  get processes(): readonly number[] {
    return this.#slots.processes;
  }

  onEvent(listener: (event: CardEvent) => void): { close(): void } {
    return this.#slots.onEvent(listener);
  }

  async verifyPin(card: string, pin: CardPin, options: { keepUnlocked?: boolean } = {}): Promise<void> {
    await this.#work(card, { type: 'verify-pin' }, { pin, ...options }, [], () => undefined);
  }

  /** The flags of the token tell, and are looked at all the time. */
  async countTries(): Promise<void> {}

  async lock(card: string): Promise<void> {
    const { module, slot } = this.#slots.find(card);
    await module.process.request({ type: 'lock', slot }, [], deadline.work, () => undefined);
  }

  async sign(
    card: string,
    purpose: KeyPurpose,
    scheme: SignatureScheme,
    data: Uint8Array,
    options: CardOperationOptions = {},
  ): Promise<Uint8Array> {
    const { key, algorithm } = this.#key(card, purpose);
    const isRsa = algorithm.startsWith('rsa-');
    if (isRsa === (scheme.kind === 'ecdsa'))
      throw new CardError('key-unsuitable', 'the key is of another kind');
    const input = dataToSign(scheme, data, keySize[algorithm]);
    const wanted = { type: 'sign', key, mechanism: mechanismOf(scheme), hash: scheme.hash } as const;
    const signature = await this.#work(card, wanted, options, [input], takeFirst);
    if (isRsa) {
      if (signature.length !== keySize[algorithm]) throw new CardError('bad-answer', 'that is no signature');
      return signature;
    }
    return ecdsaDer(signature, keySize[algorithm]);
  }

  async agree(
    card: string,
    purpose: KeyPurpose,
    peerPoint: Uint8Array,
    options: CardOperationOptions = {},
  ): Promise<Uint8Array> {
    const { key, algorithm } = this.#key(card, purpose);
    if (algorithm !== 'ecc-p256' && algorithm !== 'ecc-p384') {
      throw new CardError('key-unsuitable', 'the key is none of an elliptic curve');
    }
    try {
      pointKey(peerPoint, algorithm);
    } catch {
      throw new CardError('key-unsuitable', "the point does not lie on the key's curve");
    }
    const bytes = keySize[algorithm];
    return this.#work(card, { type: 'agree', key, bytes }, options, [peerPoint], ([secret]) => {
      if (secret?.length !== bytes)
        throw new CardError('bad-answer', 'the module gave no secret of that size');
      return this.#keep(secret);
    });
  }

  async decrypt(
    card: string,
    purpose: KeyPurpose,
    ciphertext: Uint8Array,
    label: Uint8Array,
    options: CardOperationOptions = {},
  ): Promise<Uint8Array> {
    const { key, algorithm } = this.#key(card, purpose);
    if (!algorithm.startsWith('rsa-') || ciphertext.length !== keySize[algorithm]) {
      throw new CardError('key-unsuitable', 'the cipher text does not fit the key');
    }
    return this.#work(card, { type: 'decrypt', key }, options, [ciphertext, label], ([plain]) => {
      if (plain === undefined) throw new CardError('bad-answer', 'the module gave nothing');
      return this.#keep(plain);
    });
  }

  async readObject(card: string, name: CardObjectName): Promise<Uint8Array | undefined> {
    const { module, slot } = this.#slots.find(card);
    const request = { type: 'read-object', label: objectLabels[name], slot } as const;
    return module.process.request(request, [], deadline.read, ([content]) => content?.slice());
  }

  async writeObject(
    card: string,
    name: CardObjectName,
    content: Uint8Array,
    administration: CardAdministration,
  ): Promise<void> {
    const options = { pin: pinOf(administration) };
    await this.#work(
      card,
      { type: 'write-object', label: objectLabels[name] },
      options,
      [content],
      () => undefined,
    );
  }

  async changePin(
    card: string,
    present: CardPin,
    next: Uint8Array | undefined,
    { puk = false }: { puk?: boolean } = {},
  ): Promise<void> {
    if (present.kind === 'bytes' && next === undefined)
      throw new CardError('pin-invalid', 'the next PIN is missing');
    const parts = next === undefined || present.kind === 'pin-pad' ? [] : [next];
    const request = { type: 'change-pin', securityOfficer: puk } as const;
    await this.#work(card, request, { pin: present }, parts, () => undefined);
  }

  async unblock(card: string, puk: CardPin, next: Uint8Array): Promise<void> {
    if (puk.kind === 'pin-pad') {
      throw new CardError(
        'not-supported',
        "the security officer's PIN is typed at the keyboard of this computer",
      );
    }
    await this.#work(card, { type: 'unblock' }, { pin: puk }, [next], () => undefined);
  }

  async generateKey(
    card: string,
    purpose: KeyPurpose,
    algorithm: CardKeyAlgorithm,
    administration: CardAdministration,
  ): Promise<Uint8Array> {
    const request = {
      type: 'generate',
      label: labelOf(purpose),
      kind: algorithm.startsWith('rsa-') ? 'rsa' : 'ec',
      bits: keySize[algorithm] * 8,
      forKeyManagement: purpose === 'key-management',
    } as const;
    const pin = pinOf(administration);
    const made = await this.#work(card, request, { pin }, [], readNewKey, deadline.generate);
    if (made?.algorithm !== algorithm)
      throw new CardError('bad-answer', 'the module made another kind of key');
    this.#made.set(`${card} ${purpose}`, made);
    await this.#slots.readAgain(card);
    return made.publicKey;
  }

  async publicKey(card: string, purpose: KeyPurpose): Promise<Uint8Array | undefined> {
    const { module, slot, token } = this.#slots.find(card);
    const request = { type: 'public-key', label: labelOf(purpose), slot } as const;
    // What SealNIC made goes before what has a certificate already: its own may be on its way.
    const made = await module.process.request(request, [], deadline.read, readNewKey);
    if (made === undefined) return token.keys.find((key) => key.purpose === purpose)?.publicKey;
    if (!token.keys.some(({ key }) => key === made.key)) this.#made.set(`${card} ${purpose}`, made);
    return made.publicKey;
  }

  async writeCertificate(
    card: string,
    purpose: KeyPurpose,
    certificate: Uint8Array,
    administration: CardAdministration,
  ): Promise<void> {
    const { key } = this.#key(card, purpose);
    const request = { type: 'write-certificate', key, label: labelOf(purpose) } as const;
    await this.#work(card, request, { pin: pinOf(administration) }, [certificate], () => undefined);
    this.#made.delete(`${card} ${purpose}`);
    await this.#slots.readAgain(card);
  }

  async close(): Promise<void> {
    await this.#slots.close();
  }

  #work<Value>(
    id: string,
    wanted: Unslotted,
    { pin, keepUnlocked = false }: CardOperationOptions,
    parts: readonly Uint8Array[],
    read: (parts: Uint8Array[]) => Value,
    milliseconds: number = deadline.work,
  ): Promise<Value> {
    try {
      const { module, slot, card } = this.#slots.find(id);
      if (pin?.kind === 'pin-pad' && !card.pinPad)
        throw new CardError('not-supported', 'the reader has no pin pad');
      const asked: ModulePin = { kind: pin?.kind ?? 'none', confirmLastTry: pin?.confirmLastTry === true };
      const request = { ...wanted, slot, pin: asked, keepUnlocked } as ModuleRequest;
      const all = pin?.kind === 'bytes' ? [pin.bytes, ...parts] : parts;
      const most = pin?.kind === 'pin-pad' ? Math.max(milliseconds, deadline.pinPad) : milliseconds;
      return module.process.request(request, all, most, read);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #key(id: string, purpose: KeyPurpose): { key: string; algorithm: CardKeyAlgorithm } {
    const made = this.#made.get(`${id} ${purpose}`);
    const known = this.#slots.find(id).token.keys.find((key) => key.purpose === purpose);
    const found = made ?? known;
    if (found === undefined) throw new CardError('no-certificate', 'the token has no certificate for that');
    return found;
  }

  /** A copy in locked memory. */
  #keep(bytes: Uint8Array): Uint8Array {
    const secret = this.#memory.allocate(bytes.length);
    secret.set(bytes);
    return secret;
  }
}

type Distribute<Request> = Request extends ModuleRequest
  ? Omit<Request, 'slot' | 'pin' | 'keepUnlocked'>
  : never;
type Unslotted = Distribute<Extract<ModuleRequest, { pin: ModulePin }>>;

const objectLabels: Readonly<Record<CardObjectName, string>> = {
  'channel-information': 'SealNIC channel information',
};

function pinOf(administration: CardAdministration): CardPin {
  if (administration.kind === 'pin') return administration.pin;
  throw new CardError('not-supported', 'a token is written to with its PIN');
}

function takeFirst([first]: Uint8Array[]): Uint8Array {
  if (first === undefined) throw new CardError('bad-answer', 'the module gave nothing');
  return first.slice();
}
