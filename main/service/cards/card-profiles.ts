// Profiles that lie on cards: there while their card is in, with the authorities and the wrapped secret that go with them.
import { ControlError } from '../../control/failure.ts';
import {
  type ChannelInformation,
  decodeChannelInformation,
  encodeChannelInformation,
  openChannelSecret,
} from '../../keys/card/channel-information.ts';
import {
  type CardAdministration,
  type CardDescription,
  CardError,
  type Cards,
} from '../../keys/card/contract.ts';
import type { Credentials } from '../agreement/credentials.ts';
import { ConnectionProblem } from '../connection/problem.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import type { Profile } from '../profile/contract.ts';
import { parseProfile } from '../profile/parse.ts';
import type { CardKeys, CardUse, UnlockedSecret } from './card-keys.ts';
import { connectionProblemOf } from './card-problem.ts';

export interface CardProfilesSurroundings {
  readonly cards: Cards;
  readonly cardKeys: CardKeys;
  readonly secrets: SecretMemory;
  readonly credentials: Credentials;
}

interface OnCard {
  readonly card: string;
  readonly information: ChannelInformation;
}

export class CardProfiles {
  readonly #surroundings: CardProfilesSurroundings;
  readonly #byName = new Map<string, OnCard>();

  constructor(surroundings: CardProfilesSurroundings) {
    this.#surroundings = surroundings;
    surroundings.cards.onEvent((event) => {
      if (event.type === 'removed') this.#forget(event.card.id);
    });
  }

  /** Texts by name. */
  profiles(): ReadonlyMap<string, string> {
    return new Map([...this.#byName].map(([name, { information }]) => [name, information.text]));
  }

  /** Looks what is on a card that was put in. What is no profile, or one that a card may not bring, is left out. */
  async read(card: CardDescription): Promise<void> {
    if (card.problem !== undefined) return;
    const content = await this.#surroundings.cards
      .readObject(card.id, 'channel-information')
      .catch(() => undefined);
    const information = content === undefined ? undefined : decodeChannelInformation(content);
    const isIn = this.#surroundings.cards.cards.some(({ id }) => id === card.id);
    if (information === undefined || !isIn || !isAllowed(information)) return;
    if (!this.#byName.has(information.profile)) {
      this.#byName.set(information.profile, { card: card.id, information });
    }
  }

  /** True: the profile's pre-shared key comes from a card that is in. */
  hasSecret({ name, authentication }: Profile): boolean {
    return authentication.method === 'psk' && this.#byName.get(name)?.information.secret !== undefined;
  }

  /** DER of an authority that came with the profile; undefined: none of that name did. */
  authority(profile: string, name: string): Uint8Array | undefined {
    const { authorities = [] } = this.#byName.get(profile)?.information ?? {};
    return authorities.find((authority) => authority.name === name)?.certificate;
  }

  /** Asks for the PIN and unwraps the pre-shared key. Throws ConnectionProblem. */
  async unlock({ name }: Profile, use: CardUse): Promise<UnlockedSecret> {
    const { cards, cardKeys, secrets } = this.#surroundings;
    const found = this.#byName.get(name);
    const secret = found?.information.secret;
    const card = cards.cards.find(({ id }) => id === found?.card);
    const key = card?.keys.find(({ purpose }) => purpose === 'key-management');
    if (secret === undefined || card === undefined || key === undefined) {
      throw new ConnectionProblem({ code: 'card-missing', reader: 'ready' });
    }
    try {
      const preSharedKey = await cardKeys.withPin(card.id, use, (pin) =>
        openChannelSecret(secrets, secret, key.publicKey, {
          agree: (point) => cards.agree(card.id, 'key-management', point, { pin }),
          decrypt: (ciphertext, label) =>
            cards.decrypt(card.id, 'key-management', ciphertext, label, { pin }),
        }),
      );
      return {
        card: card.id,
        preSharedKey() {
          const copy = secrets.allocate(preSharedKey.length);
          copy.set(preSharedKey);
          return copy;
        },
        close: () => secrets.free(preSharedKey),
      };
    } catch (error) {
      throw error instanceof CardError ? connectionProblemOf(error) : error;
    }
  }

  /** Writes the profile with what it needs onto the card; gives the bytes that it takes. Throws CardError, ControlError. */
  async store(
    card: CardDescription,
    profile: Profile,
    text: string,
    administration: CardAdministration,
  ): Promise<number> {
    const { cards, credentials, secrets } = this.#surroundings;
    const named = profile.peerAuthentication.authorities.filter((name) => name !== 'system');
    const authorities = named.flatMap((name) =>
      credentials.authorities([name]).map((certificate) => ({ name, certificate })),
    );
    const information = { profile: profile.name, text, authorities };
    if (!isAllowed({ ...information, secret: undefined })) {
      throw new CardError('not-supported', 'gateways, and profiles with lockdown, are not for cards');
    }
    const { authentication } = profile;
    if (authentication.method === 'certificate' || authentication.method === 'eap') {
      throw new CardError('not-supported', 'the profile has to use the card, or a pre-shared key');
    }
    const content =
      authentication.method === 'card'
        ? await encodeChannelInformation(secrets, information)
        : await this.#withSecret(authentication.secret, (bytes) => {
            const key = card.keys.find(({ purpose }) => purpose === 'key-management');
            if (key === undefined) throw new CardError('no-certificate', 'slot 9D has no certificate');
            return encodeChannelInformation(secrets, information, { bytes, cardPublicKey: key.publicKey });
          });
    await cards.writeObject(card.id, 'channel-information', content, administration);
    this.#forget(card.id);
    await this.read(card);
    return content.length;
  }

  async erase(card: CardDescription, administration: CardAdministration): Promise<void> {
    await this.#surroundings.cards.writeObject(
      card.id,
      'channel-information',
      new Uint8Array(0),
      administration,
    );
    this.#forget(card.id);
  }

  async #withSecret<Value>(name: string, use: (secret: Uint8Array) => Promise<Value>): Promise<Value> {
    const { credentials, secrets } = this.#surroundings;
    const secret = credentials.preSharedKey(name);
    if (secret === undefined) throw new ControlError({ code: 'secret-not-found', name });
    try {
      return await use(secret);
    } finally {
      secrets.free(secret);
    }
  }

  #forget(card: string): void {
    for (const [name, found] of this.#byName) if (found.card === card) this.#byName.delete(name);
  }
}

/** Nobody becomes a gateway, or is shut in beyond a reboot, because a card was put in. */
function isAllowed({ profile: name, text }: ChannelInformation): boolean {
  try {
    const profile = parseProfile(text, name);
    return profile.role === 'client' && !profile.failClosed.lockdown;
  } catch {
    return false;
  }
}
