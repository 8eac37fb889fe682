// What `sealnic card` does: tests, PINs, keys and certificates of a card, with everything that blocks it told by name.
import { createPublicKey, randomBytes, verify, X509Certificate } from 'node:crypto';
import { ControlError } from '../../control/failure.ts';
import type { MethodParameters, MethodResult } from '../../control/schema.ts';
import {
  type CardAdministration,
  type CardDescription,
  CardError,
  type CardKeyAlgorithm,
  type CardPin,
  type Cards,
  type KeyPurpose,
} from '../../keys/card/contract.ts';
import { certificateRequest, selfSignedCertificate } from '../../keys/card/new-certificate.ts';
import { parseCertificate } from '../../keys/credentials/certificate.ts';
import { encodeName, formatName } from '../../keys/credentials/distinguished-name.ts';
import { readCertificates } from '../../keys/credentials/pem.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import type { Profile } from '../profile/contract.ts';
import type { Prompts } from '../prompts/prompts.ts';
import type { CardKeys } from './card-keys.ts';
import { told } from './card-problem.ts';
import type { CardProfiles } from './card-profiles.ts';

export interface CardSetupParts {
  readonly cards: Cards;
  readonly cardKeys: CardKeys;
  readonly cardProfiles: CardProfiles;
  readonly prompts: Prompts;
  readonly secrets: SecretMemory;
}

const purposes: Readonly<Record<string, KeyPurpose>> = {
  '9a': 'authentication',
  '9c': 'signature',
  '9d': 'key-management',
  '9e': 'card-authentication',
};

/** Every method throws ControlError. `owner`: whose prompts they open. */
export class CardSetup {
  readonly #parts: CardSetupParts;

  constructor(parts: CardSetupParts) {
    this.#parts = parts;
  }

  /** The card of that id or in that reader; undefined: the only one. Throws CardError. */
  choose(wanted: string | undefined): CardDescription {
    const { cards, state } = this.#parts.cards;
    if (state !== 'ready') throw new CardError(state, 'no card can be reached');
    const found = cards.filter(
      ({ id, reader }) => wanted === undefined || id === wanted || reader === wanted,
    );
    const [card] = found;
    if (card === undefined) throw new CardError('no-card', 'no such card is in a reader');
    if (found.length > 1) throw new CardError('several-cards', 'there are several cards');
    if (card.problem !== undefined) throw card.problem;
    return card;
  }

  test(
    { card: wanted, slot }: MethodParameters<'card.test'>,
    owner: number,
  ): Promise<MethodResult<'card.test'>> {
    return told(async () => {
      const card = this.choose(wanted);
      const key = card.keys.find(({ purpose }) => purpose === purposes[slot]);
      if (key === undefined) throw new CardError('no-certificate', 'the slot has no certificate');
      const scheme = key.algorithm.startsWith('rsa')
        ? ({ kind: 'rsa-pkcs1', hash: 'sha256' } as const)
        : ({ kind: 'ecdsa', hash: 'sha256' } as const);
      const data = randomBytes(64);
      const { cards, cardKeys } = this.#parts;
      let milliseconds = 0;
      const signature = await cardKeys.withPin(card.id, { owner }, async (pin) => {
        const from = performance.now();
        const made = await cards.sign(card.id, key.purpose, scheme, data, { pin });
        milliseconds = Math.round(performance.now() - from);
        return made;
      });
      const certificate = new X509Certificate(key.certificate);
      if (!verify('sha256', data, certificate.publicKey, signature)) {
        throw new CardError('key-mismatch', 'the signature does not fit the certificate');
      }
      return { subject: subjectOf(key.certificate), algorithm: key.algorithm, milliseconds };
    });
  }

  changePin(wanted: string | undefined, owner: number, next: Uint8Array): Promise<void> {
    return told(async () => {
      const card = this.choose(wanted);
      await this.#withSecret(next, (pin) =>
        this.#parts.cardKeys.withPin(card.id, { owner }, (present) =>
          this.#parts.cards.changePin(card.id, present!, pin),
        ),
      );
    });
  }

  unblock(wanted: string | undefined, owner: number, next: Uint8Array): Promise<void> {
    return told(async () => {
      const card = this.choose(wanted);
      const { id, label, reader } = card;
      const question = { kind: 'puk', owner, card: { label, reader } } as const;
      const outcome = await this.#parts.prompts.ask(question);
      if (outcome.outcome !== 'answered' || outcome.answer === undefined) {
        const code = outcome.outcome === 'timed-out' ? 'prompt-timed-out' : 'prompt-cancelled';
        throw new ControlError({ code, kind: 'puk' });
      }
      const puk: CardPin = { kind: 'bytes', bytes: outcome.answer };
      try {
        await this.#withSecret(next, (pin) => this.#parts.cards.unblock(id, puk, pin));
      } finally {
        this.#parts.secrets.free(outcome.answer);
      }
    });
  }

  setup(
    wishes: MethodParameters<'card.setup'>,
    owner: number,
    managementKey: Uint8Array | undefined,
  ): Promise<MethodResult<'card.setup'>> {
    const { slot, subject, names, kind, days, replace } = wishes;
    return told(async () => {
      checkSubject(subject);
      const card = this.choose(wishes.card);
      const purpose = purposes[slot]!;
      const present = card.keys.find((key) => key.purpose === purpose);
      if (present !== undefined && !replace && kind === 'self-signed') throw slotInUse(slot);
      return await this.#administer(card, owner, managementKey, async (administration) => {
        const found = replace ? undefined : await this.#presentKey(card.id, purpose);
        const made = found ?? (await this.#makeKey(card.id, purpose, wishes.algorithm, administration));
        const request = {
          subject,
          names,
          publicKey: made.publicKey,
          algorithm: made.algorithm,
          forKeyManagement: purpose === 'key-management',
        };
        const id = this.#idAfter(card);
        const der = await this.#withPinFor(id, owner, administration, (pin) => {
          const sign = this.#signer(id, purpose, pin);
          const now = Date.now();
          const until = new Date(now + days * 86_400_000);
          return kind === 'request'
            ? certificateRequest(request, sign)
            : selfSignedCertificate(request, new Date(now - 3_600_000), until, sign);
        });
        if (kind === 'self-signed') {
          await this.#parts.cards.writeCertificate(id, purpose, der, administration);
        }
        const label = kind === 'request' ? 'CERTIFICATE REQUEST' : 'CERTIFICATE';
        return { made: found === undefined, algorithm: made.algorithm, pem: pemOf(label, der) };
      });
    });
  }

  putCertificate(
    { card: wanted, slot, replace }: MethodParameters<'card.put-certificate'>,
    owner: number,
    certificate: Uint8Array,
    managementKey: Uint8Array | undefined,
  ): Promise<MethodResult<'card.put-certificate'>> {
    return told(async () => {
      const card = this.choose(wanted);
      const purpose = purposes[slot]!;
      const [der] = readCertificates(certificate);
      if (der === undefined || parseCertificate(der) === undefined) {
        throw new CardError('certificate-invalid', 'that is no certificate');
      }
      const publicKey = await this.#parts.cards.publicKey(card.id, purpose);
      const own = new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' });
      if (publicKey !== undefined && !own.equals(publicKey)) {
        throw new CardError('key-mismatch', 'the certificate belongs to another key');
      }
      if (card.keys.some((key) => key.purpose === purpose) && !replace) throw slotInUse(slot);
      await this.#administer(card, owner, managementKey, (administration) =>
        this.#parts.cards.writeCertificate(card.id, purpose, der, administration),
      );
      return { subject: subjectOf(der) };
    });
  }

  /** Gives the bytes that it takes on the card. */
  store(
    wanted: string | undefined,
    owner: number,
    profile: Profile,
    text: string,
    managementKey: Uint8Array | undefined,
  ): Promise<number> {
    return told(async () => {
      const card = this.choose(wanted);
      return await this.#administer(card, owner, managementKey, (administration) =>
        this.#parts.cardProfiles.store(card, profile, text, administration),
      );
    });
  }

  erase(wanted: string | undefined, owner: number, managementKey: Uint8Array | undefined): Promise<void> {
    return told(async () => {
      const card = this.choose(wanted);
      await this.#administer(card, owner, managementKey, (administration) =>
        this.#parts.cardProfiles.erase(card, administration),
      );
    });
  }

  async #presentKey(
    card: string,
    purpose: KeyPurpose,
  ): Promise<{ publicKey: Uint8Array; algorithm: CardKeyAlgorithm } | undefined> {
    const publicKey = await this.#parts.cards.publicKey(card, purpose);
    return publicKey && { publicKey, algorithm: algorithmOfKey(publicKey) };
  }

  async #makeKey(
    card: string,
    purpose: KeyPurpose,
    algorithm: CardKeyAlgorithm,
    administration: CardAdministration,
  ): Promise<{ publicKey: Uint8Array; algorithm: CardKeyAlgorithm }> {
    const publicKey = await this.#parts.cards.generateKey(card, purpose, algorithm, administration);
    return { publicKey, algorithm };
  }

  /** A card that had no identifier has one since its first key was made. */
  #idAfter(before: CardDescription): string {
    const { cards } = this.#parts.cards;
    if (cards.some(({ id }) => id === before.id)) return before.id;
    return cards.find(({ reader }) => reader === before.reader)?.id ?? before.id;
  }

  #signer(card: string, purpose: KeyPurpose, pin: CardPin | undefined) {
    return (scheme: Parameters<Cards['sign']>[2], data: Uint8Array) =>
      this.#parts.cards.sign(card, purpose, scheme, data, { pin });
  }

  /** A PIV card takes the management key, a PKCS#11 token the PIN that its owner is asked for. */
  async #administer<Value>(
    card: CardDescription,
    owner: number,
    managementKey: Uint8Array | undefined,
    act: (administration: CardAdministration) => Promise<Value>,
  ): Promise<Value> {
    if (card.provider === 'pkcs11') {
      return this.#parts.cardKeys.withPin(card.id, { owner }, (pin) => act({ kind: 'pin', pin: pin! }));
    }
    if (managementKey === undefined) {
      throw new CardError('management-key-wrong', 'a PIV card wants its management key');
    }
    return this.#withSecret(managementKey, (key) => act({ kind: 'management-key', key }));
  }

  /** The PIN is not asked for again where it was given already. */
  #withPinFor<Value>(
    card: string,
    owner: number,
    administration: CardAdministration,
    act: (pin: CardPin | undefined) => Promise<Value>,
  ): Promise<Value> {
    if (administration.kind === 'pin') return act(administration.pin);
    return this.#parts.cardKeys.withPin(card, { owner }, act);
  }

  /** A copy in locked memory for as long as `use` runs; what was given is wiped. */
  async #withSecret<Value>(given: Uint8Array, use: (secret: Uint8Array) => Promise<Value>): Promise<Value> {
    const secret = this.#parts.secrets.allocate(given.length);
    secret.set(given);
    given.fill(0);
    try {
      return await use(secret);
    } finally {
      this.#parts.secrets.free(secret);
    }
  }
}

function slotInUse(slot: string): CardError {
  return new CardError('slot-in-use', `slot ${slot.toUpperCase()} holds a certificate already`);
}

function checkSubject(subject: string): void {
  try {
    encodeName(subject);
  } catch (error) {
    throw new CardError('certificate-invalid', error instanceof Error ? error.message : String(error));
  }
}

function algorithmOfKey(der: Uint8Array): CardKeyAlgorithm {
  const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (namedCurve !== undefined) return namedCurve === 'secp384r1' ? 'ecc-p384' : 'ecc-p256';
  return modulusLength === 4096 ? 'rsa-4096' : modulusLength === 3072 ? 'rsa-3072' : 'rsa-2048';
}

function subjectOf(certificate: Uint8Array): string {
  const parsed = parseCertificate(certificate);
  return parsed === undefined ? '' : formatName(parsed.subject);
}

function pemOf(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
