// A card with a real P-256 key and a PIN, without a reader: put in and pulled by a test.
import { createECDH, createPublicKey } from 'node:crypto';
import {
  type CardDescription,
  CardError,
  type CardEvent,
  type CardOperationOptions,
  type CardPin,
  type Cards,
} from '../../../main/keys/card/contract.ts';
import type { SecretMemory } from '../../../main/service/keying/secret-memory.ts';

export class FakeCard {
  readonly id = 'piv:0123';
  triesLeft = 3;
  readonly #memory: () => SecretMemory;
  readonly #key = createECDH('prime256v1');
  readonly #listeners = new Set<(event: CardEvent) => void>();
  #isIn = true;

  constructor(memory: () => SecretMemory) {
    this.#memory = memory;
    this.#key.generateKeys();
  }

  get cards(): Cards {
    const fake = this;
    const provider: Pick<
      Cards,
      'provider' | 'state' | 'readers' | 'cards' | 'onEvent' | 'countTries' | 'verifyPin' | 'agree'
    > = {
      provider: 'piv',
      state: 'ready',
      readers: ['reader'],
      get cards() {
        return fake.#isIn ? [fake.#description()] : [];
      },
      onEvent(listener) {
        fake.#listeners.add(listener);
        return { close: () => fake.#listeners.delete(listener) };
      },
      countTries: async () => {},
      verifyPin: async (_card, pin) => this.#verify(pin),
      agree: async (_card, _purpose, point, { pin }: CardOperationOptions = {}) => {
        if (pin !== undefined) this.#verify(pin);
        const secret = this.#memory().allocate(32);
        secret.set(this.#key.computeSecret(point));
        return secret;
      },
    };
    return provider as Cards;
  }

  pull(): void {
    this.#isIn = false;
    const event = { type: 'removed', card: this.#description(), reason: 'pulled' } as const;
    for (const listener of [...this.#listeners]) listener(event);
  }

  #verify(pin: CardPin): void {
    if (pin.kind === 'bytes' && Buffer.from(pin.bytes).toString() === '123456') return;
    this.triesLeft -= 1;
    throw new CardError('pin-wrong', 'the PIN is wrong', this.triesLeft);
  }

  #description(): CardDescription {
    const point = this.#key.getPublicKey();
    const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url'));
    const key = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x!, y: y! }, format: 'jwk' });
    return {
      id: this.id,
      provider: 'piv',
      label: 'PIV card',
      reader: 'reader',
      pinPad: false,
      triesLeft: this.triesLeft,
      keys: [
        {
          purpose: 'key-management',
          algorithm: 'ecc-p256',
          certificate: new Uint8Array(),
          publicKey: Uint8Array.from(key.export({ type: 'spki', format: 'der' })),
          pinPolicy: 'once',
        },
      ],
    };
  }
}
