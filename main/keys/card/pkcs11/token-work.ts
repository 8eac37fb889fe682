// Carries out one request with a token, in the process that the module runs in.
import { CryptokiError, type Mechanism, type Module } from '../../../../native/pkcs11/binding.ts';
import {
  attribute,
  certificateType,
  returnValue as code,
  dataSpecified,
  keyType,
  maskGeneration,
  mechanism,
  noKeyDerivation,
  objectClass,
  tokenFlag,
} from '../../../../native/pkcs11/constants.ts';
import { CardError } from '../contract.ts';
import { openOaep } from '../padding.ts';
import { garbage, type KeyReport, type ModuleRequest } from './messages.ts';
import { explained, type TokenSession, type Tokens } from './token.ts';

type Request<Type extends ModuleRequest['type']> = Extract<ModuleRequest, { type: Type }>;

/** Gives the parts of the answer, some in locked memory. Throws CardError. */
export function doTokenWork(
  module: Module,
  tokens: Tokens,
  request: ModuleRequest,
  parts: readonly Uint8Array[],
): readonly Uint8Array[] {
  return new TokenWork(module, tokens).do(request, parts);
}

class TokenWork {
  readonly #module: Module;
  readonly #tokens: Tokens;

  constructor(module: Module, tokens: Tokens) {
    this.#module = module;
    this.#tokens = tokens;
  }

  do(request: ModuleRequest, parts: readonly Uint8Array[]): readonly Uint8Array[] {
    switch (request.type) {
      case 'slots':
        return [jsonOf(explained(() => this.#tokens.report(request.ignorePiv)))];
      case 'lock':
        this.#tokens.lock(request.slot);
        return [];
      case 'describe':
        return this.#read(request.slot, (session) => this.#describe(session));
      case 'read-object':
        return this.#read(request.slot, (session) => {
          const found = this.#data(session, request.label)[0];
          if (found === undefined) return [];
          const content = this.#module.attribute(session.handle, found, attribute.value);
          return content === undefined ? [] : [content];
        });
      case 'public-key':
        return this.#read(request.slot, (session) => this.#findPublicKey(session, request.label));
      case 'unblock': {
        const [officer, next] = parts;
        if (officer === undefined || next === undefined) throw garbage();
        this.#tokens.useAsOfficer(request.slot, officer, (session) =>
          this.#module.initializePin(session, next),
        );
        return [];
      }
      case 'change-pin':
        return this.#changePin(request, parts);
      default:
        return this.#withPin(request, parts);
    }
  }

  #read<Value>(slot: number, work: (session: TokenSession) => Value): Value {
    const pin = { kind: 'none', confirmLastTry: false } as const;
    return this.#tokens.use(slot, { pin, keepUnlocked: false, readWrite: false }, undefined, work);
  }

  #changePin(request: Request<'change-pin'>, [present, next]: readonly Uint8Array[]): readonly Uint8Array[] {
    if (request.securityOfficer) {
      if (present === undefined || next === undefined) throw garbage();
      this.#tokens.useAsOfficer(request.slot, present, (session) =>
        this.#module.setPin(session, present, next),
      );
      return [];
    }
    this.#tokens.use(request.slot, { ...request, readWrite: true }, present, ({ handle }) => {
      if (request.pin.kind === 'pin-pad') this.#module.setPin(handle, undefined, undefined);
      else this.#module.setPin(handle, present, next);
    });
    return [];
  }

  #withPin(
    request: Request<
      'verify-pin' | 'sign' | 'agree' | 'decrypt' | 'write-object' | 'generate' | 'write-certificate'
    >,
    parts: readonly Uint8Array[],
  ): readonly Uint8Array[] {
    const pin = request.pin.kind === 'bytes' ? parts[0] : undefined;
    const data = request.pin.kind === 'bytes' ? parts.slice(1) : parts;
    const readWrite = ['write-object', 'generate', 'write-certificate'].includes(request.type);
    return this.#tokens.use(request.slot, { ...request, readWrite }, pin, (session) => {
      switch (request.type) {
        case 'verify-pin':
          return [];
        case 'sign':
          return [this.#sign(session, request, needed(data[0]))];
        case 'agree':
          return [this.#agree(session, request, needed(data[0]))];
        case 'decrypt':
          return [this.#decrypt(session, request, needed(data[0]), needed(data[1]))];
        case 'write-object':
          this.#writeObject(session, request.label, needed(data[0]));
          return [];
        case 'generate':
          return this.#generate(session, request);
        case 'write-certificate':
          this.#writeCertificate(session, request, needed(data[0]));
          return [];
      }
    });
  }

  #describe({ handle }: TokenSession): readonly Uint8Array[] {
    const module = this.#module;
    const certificates: Uint8Array[] = [];
    const keys: KeyReport[] = [];
    const found = module.find(handle, [
      [attribute.class, objectClass.certificate],
      [attribute.certificateType, certificateType.x509],
    ]);
    for (const object of found.slice(0, 32)) {
      const certificate = module.attribute(handle, object, attribute.value);
      const id = module.attribute(handle, object, attribute.id);
      if (certificate === undefined || certificate.length === 0 || id === undefined) continue;
      const [own] = module.find(handle, [
        [attribute.class, objectClass.privateKey],
        [attribute.id, id],
      ]);
      const [open] = module.find(handle, [
        [attribute.class, objectClass.publicKey],
        [attribute.id, id],
      ]);
      const flag = (type: number, counterpart?: number) => {
        if (own !== undefined) return module.flag(handle, own, type);
        if (open === undefined || counterpart === undefined) return undefined;
        return module.flag(handle, open, counterpart);
      };
      const always = own === undefined ? undefined : module.flag(handle, own, attribute.alwaysAuthenticate);
      const label = module.attribute(handle, object, attribute.label);
      keys.push({
        key: Buffer.from(id).toString('hex'),
        label: Buffer.from(label ?? new Uint8Array(0)).toString('utf8'),
        ...told('sign', flag(attribute.sign, attribute.verify)),
        ...told('derive', flag(attribute.derive)),
        ...told('decrypt', flag(attribute.decrypt, attribute.encrypt)),
        ...told('alwaysAuthenticate', always),
        visible: own !== undefined,
      });
      certificates.push(certificate);
    }
    return [jsonOf(keys), ...certificates];
  }

  #privateKey({ handle, slot, loggedIn }: TokenSession, id: string): { object: number; always: boolean } {
    const [object] = this.#module.find(handle, [
      [attribute.class, objectClass.privateKey],
      [attribute.id, Buffer.from(id, 'hex')],
    ]);
    if (object === undefined) {
      const { flags } = this.#module.tokenInformation(slot);
      if (!loggedIn && (flags & tokenFlag.loginRequired) !== 0) throw this.#tokens.pinNeeded(slot);
      throw new CardError('no-key', 'the token has no key for that certificate');
    }
    const always = this.#module.flag(handle, object, attribute.alwaysAuthenticate) === true;
    return { object, always };
  }

  #sign(session: TokenSession, request: Request<'sign'>, data: Uint8Array): Uint8Array {
    const { object, always } = this.#privateKey(session, request.key);
    this.#module.signInit(session.handle, signatureMechanism(request), object);
    if (always) this.#tokens.loginForOperation(session);
    return this.#module.sign(session.handle, data);
  }

  /** The module makes an object of the secret, which is read and removed. */
  #agree(session: TokenSession, { key, bytes }: Request<'agree'>, point: Uint8Array): Uint8Array {
    const { object } = this.#privateKey(session, key);
    const module = this.#module;
    const { handle } = session;
    const derive = (otherPoint: Uint8Array) =>
      module.deriveKey(handle, ecdh(otherPoint), object, [
        [attribute.class, objectClass.secretKey],
        [attribute.keyType, keyType.genericSecret],
        [attribute.token, false],
        [attribute.sensitive, false],
        [attribute.extractable, true],
        [attribute.valueLength, bytes],
      ]);
    // The standard allows the bare point and its DER; some modules take one only.
    const secret = firstThatFits([
      () => derive(point),
      () => derive(Buffer.concat([Uint8Array.of(4, point.length), point])),
    ]);
    try {
      const value = module.attribute(handle, secret, attribute.value);
      if (value?.length !== bytes)
        throw new CardError('key-unsuitable', 'the token keeps the secret to itself');
      return value;
    } finally {
      module.destroyObject(handle, secret);
    }
  }

  #decrypt(
    session: TokenSession,
    { key }: Request<'decrypt'>,
    ciphertext: Uint8Array,
    label: Uint8Array,
  ): Uint8Array {
    const { object, always } = this.#privateKey(session, key);
    const module = this.#module;
    const run = (how: Mechanism) => {
      module.decryptInit(session.handle, how, object);
      if (always) this.#tokens.loginForOperation(session);
      return module.decrypt(session.handle, ciphertext);
    };
    const plain = firstThatFits<Uint8Array | undefined>([
      () => run(oaep(label)),
      // Where the module has OAEP with SHA-1 only: what RSA gives, opened here.
      () => {
        const block = module.scratch.take(ciphertext.length);
        const bare = run({ type: mechanism.rsaX509 });
        block.bytes.set(bare.subarray(-block.bytes.length), block.bytes.length - bare.length);
        return openOaep(block.bytes, label);
      },
    ]);
    if (plain === undefined) throw new CardError('refused', 'the cipher text does not belong to this key');
    return plain;
  }

  #data({ handle }: TokenSession, label: string): readonly number[] {
    return this.#module.find(handle, [
      [attribute.class, objectClass.data],
      [attribute.label, Buffer.from(label)],
    ]);
  }

  #writeObject(session: TokenSession, label: string, content: Uint8Array): void {
    const { handle } = session;
    const before = this.#data(session, label);
    // The new one first: a token that is full keeps what it has.
    if (content.length > 0) {
      this.#module.createObject(handle, [
        [attribute.class, objectClass.data],
        [attribute.token, true],
        [attribute.private, false],
        [attribute.label, Buffer.from(label)],
        [attribute.application, Buffer.from('SealNIC')],
        [attribute.value, content],
      ]);
    }
    for (const object of before) this.#module.destroyObject(handle, object);
  }

  #generate(
    { handle, slot }: TokenSession,
    { label, kind, bits, forKeyManagement }: Request<'generate'>,
  ): readonly Uint8Array[] {
    const module = this.#module;
    const before = module.find(handle, [[attribute.label, Buffer.from(label)]]);
    const id = crypto.getRandomValues(new Uint8Array(8));
    const isRsa = kind === 'rsa';
    const shared = [
      [attribute.token, true],
      [attribute.label, Buffer.from(label)],
      [attribute.id, id],
    ] as const;
    const parameters = isRsa
      ? ([
          [attribute.modulusBits, bits],
          [attribute.publicExponent, Uint8Array.of(1, 0, 1)],
        ] as const)
      : ([[attribute.ecParameters, curveOf(bits)]] as const);
    // What derives has no counterpart among the uses of a public key.
    const counterpart = forKeyManagement ? attribute.encrypt : attribute.verify;
    const publicUse = forKeyManagement && !isRsa ? [] : ([[counterpart, true]] as const);
    const use = !forKeyManagement ? attribute.sign : isRsa ? attribute.decrypt : attribute.derive;
    const type = isRsa ? mechanism.rsaKeyPairGeneration : mechanism.ecKeyPairGeneration;
    if (!module.hasMechanism(slot, type))
      throw new CardError('key-unsuitable', 'the token makes no such keys');
    const { publicKey } = module.generateKeyPair(
      handle,
      { type },
      [...shared, ...parameters, ...publicUse, [attribute.private, false]],
      [
        ...shared,
        [attribute.private, true],
        [attribute.sensitive, true],
        [attribute.extractable, false],
        [use, true],
      ],
    );
    for (const object of before) module.destroyObject(handle, object);
    return [id, ...this.#publicNumbers(handle, publicKey)];
  }

  #findPublicKey({ handle }: TokenSession, label: string): readonly Uint8Array[] {
    const [object] = this.#module.find(handle, [
      [attribute.class, objectClass.publicKey],
      [attribute.label, Buffer.from(label)],
    ]);
    if (object === undefined) return [];
    const id = this.#module.attribute(handle, object, attribute.id);
    return id === undefined ? [] : [id, ...this.#publicNumbers(handle, object)];
  }

  /** Modulus and exponent, or parameters and point. */
  #publicNumbers(handle: number, object: number): readonly Uint8Array[] {
    const isRsa = this.#module.number(handle, object, attribute.keyType) === keyType.rsa;
    const types = isRsa
      ? [attribute.modulus, attribute.publicExponent]
      : [attribute.ecParameters, attribute.ecPoint];
    return types.map((type) => needed(this.#module.attribute(handle, object, type)));
  }

  #writeCertificate(
    { handle }: TokenSession,
    { key, label }: Request<'write-certificate'>,
    certificate: Uint8Array,
  ): void {
    const id = Buffer.from(key, 'hex');
    const before = this.#module.find(handle, [
      [attribute.class, objectClass.certificate],
      [attribute.id, id],
    ]);
    this.#module.createObject(handle, [
      [attribute.class, objectClass.certificate],
      [attribute.certificateType, certificateType.x509],
      [attribute.token, true],
      [attribute.private, false],
      [attribute.label, Buffer.from(label)],
      [attribute.id, id],
      [attribute.subject, subjectOf(certificate)],
      [attribute.value, certificate],
    ]);
    for (const object of before) this.#module.destroyObject(handle, object);
  }
}

function signatureMechanism({ mechanism: kind, hash }: Request<'sign'>): Mechanism {
  if (kind === 'ecdsa') return { type: mechanism.ecdsa };
  if (kind === 'rsa-pkcs1') return { type: mechanism.rsaPkcs };
  const type = mechanism[hash];
  const saltBytes = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 }[hash];
  return { type: mechanism.rsaPss, parameter: [type, maskGeneration.get(type)!, saltBytes] };
}

/** CK_ECDH1_DERIVE_PARAMS. */
function ecdh(point: Uint8Array): Mechanism {
  const none = new Uint8Array(0);
  return {
    type: mechanism.ecdh1Derive,
    parameter: [noKeyDerivation, 0, { address: none }, point.length, { address: point }],
  };
}

/** CK_RSA_PKCS_OAEP_PARAMS. */
function oaep(label: Uint8Array): Mechanism {
  const mask = maskGeneration.get(mechanism.sha256)!;
  return {
    type: mechanism.rsaOaep,
    parameter: [mechanism.sha256, mask, dataSpecified, { address: label }, label.length],
  };
}

const notFitting = new Set<number>([
  code.argumentsBad,
  code.mechanismInvalid,
  code.mechanismParamInvalid,
  code.functionNotSupported,
]);

/** The first way that the module knows. */
function firstThatFits<Value>(ways: readonly (() => Value)[]): Value {
  for (const [index, way] of ways.entries()) {
    try {
      return way();
    } catch (error) {
      const isLast = index === ways.length - 1;
      if (isLast || !(error instanceof CryptokiError) || !notFitting.has(error.code)) throw error;
    }
  }
  throw garbage();
}

/** DER of the curve's object identifier. */
function curveOf(bits: number): Uint8Array {
  return Buffer.from(bits === 384 ? '06052b81040022' : '06082a8648ce3d030107', 'hex');
}

/** DER of the certificate's subject, the fifth of what is signed after version, serial, algorithm, issuer, validity. */
function subjectOf(certificate: Uint8Array): Uint8Array {
  const toBeSigned = elementAt(certificate, elementAt(certificate, 0).content);
  let offset = toBeSigned.content;
  const isVersion = certificate[offset] === 0xa0;
  for (let skipped = 0; skipped < (isVersion ? 5 : 4); skipped++) offset = elementAt(certificate, offset).end;
  return certificate.subarray(offset, elementAt(certificate, offset).end);
}

function elementAt(bytes: Uint8Array, offset: number): { content: number; end: number } {
  const first = bytes[offset + 1] ?? 0;
  const size = first < 0x80 ? 0 : first & 0x7f;
  if (size > 3) throw new CardError('certificate-invalid', 'that is no certificate');
  let length = first < 0x80 ? first : 0;
  for (let index = 0; index < size; index++) length = length * 256 + (bytes[offset + 2 + index] ?? 0);
  const content = offset + 2 + size;
  if (content + length > bytes.length) throw new CardError('certificate-invalid', 'that is no certificate');
  return { content, end: content + length };
}

function needed(part: Uint8Array | undefined): Uint8Array {
  if (part === undefined) throw garbage();
  return part;
}

function told<Name extends string>(name: Name, value: boolean | undefined) {
  return (value === undefined ? {} : { [name]: value }) as Partial<Record<Name, boolean>>;
}

function jsonOf(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
