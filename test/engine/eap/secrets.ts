// Memory for secrets that counts what was not given back, and sees to it that it was wiped.
import type { EapSurroundings } from '../../../main/engine/eap/peer.ts';
import { seededRandom } from '../ike/pair.ts';

export class TestSecrets implements EapSurroundings {
  readonly #live = new Set<Uint8Array>();
  readonly #random: () => number;

  constructor(seed = 1) {
    this.#random = seededRandom(seed);
  }

  get outstanding(): number {
    return this.#live.size;
  }

  allocateSecret(length: number): Uint8Array {
    const secret = new Uint8Array(length);
    this.#live.add(secret);
    return secret;
  }

  freeSecret(secret: Uint8Array): void {
    if (!this.#live.delete(secret)) throw new Error('freed twice, or no secret');
    secret.fill(0);
  }

  random(bytes: Uint8Array): void {
    for (let index = 0; index < bytes.length; index++) bytes[index] = Math.floor(this.#random() * 256);
  }
}
