// Follows where each vault is: media that come and go, files that change or vanish. Looks four times a second, and only
// while there is a vault to look for.
import { stat } from 'node:fs/promises';
import { withVaultFile } from '../../keys/vault/storage.ts';
import { parseVault } from '../../keys/vault/vault.ts';
import { VaultError } from '../../keys/vault/vault-error.ts';
import { type Medium, pathOn, readMedia } from './media.ts';
import type { VaultSession } from './vault-session.ts';

const intervalMilliseconds = 250;

export interface WatchOptions {
  readonly sessions: () => readonly VaultSession[];
  /** A vault came within reach. */
  readonly arrived: (session: VaultSession) => Promise<void>;
  /** Which media are mounted. */
  readonly media?: () => readonly Medium[];
}

export class MediumWatch {
  readonly #options: WatchOptions;
  readonly #stamps = new Map<string, string>();
  #mounted = '';
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), intervalMilliseconds);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Looks now; resolves when what was found has been taken over. Never rejects. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  async #look(): Promise<void> {
    const sessions = this.#options.sessions();
    const onMedia = sessions.filter(({ enrolled }) => enrolled?.place.type === 'medium');
    if (onMedia.length > 0) await this.#lookAtMedia(onMedia);
    for (const session of sessions) {
      const { enrolled } = session;
      if (enrolled === undefined) continue;
      const path = enrolled.place.type === 'path' ? enrolled.place.path : session.path;
      if (path !== undefined) await this.#lookAtFile(session, path);
    }
  }

  async #lookAtMedia(sessions: readonly VaultSession[]): Promise<void> {
    const media = (this.#options.media ?? readMedia)();
    const mounted = JSON.stringify([media, sessions.map(({ id }) => id)]);
    if (mounted === this.#mounted) return;
    this.#mounted = mounted;
    for (const session of sessions) {
      const { place } = session.enrolled;
      if (place.type !== 'medium') continue;
      /** By device: one medium may be mounted in several places. */
      const carrying = new Map<string, string>();
      const unusable: string[] = [];
      for (const medium of media) {
        const path = pathOn(medium, place.file);
        const found = await identify(path);
        if (found === session.id) {
          if (!carrying.has(medium.device) || path === session.path) carrying.set(medium.device, path);
        } else if (found instanceof VaultError && found.problem !== 'missing') unusable.push(path);
      }
      await this.#settle(session, [...carrying.values()], unusable[0]);
    }
  }

  async #settle(
    session: VaultSession,
    carrying: readonly string[],
    unusable: string | undefined,
  ): Promise<void> {
    const [first, second] = carrying;
    const duplicate = new VaultError(
      'duplicate',
      `It lies on two media: ${carrying.join(' and ')}. Take one out.`,
    );
    if (session.path !== undefined && carrying.includes(session.path)) {
      session.complain(second === undefined ? undefined : duplicate);
      return;
    }
    if (second !== undefined) {
      await session.locate(undefined, duplicate);
      return;
    }
    if (first === undefined && session.path === undefined && unusable === undefined) {
      if (session.problem === undefined) await session.locate(undefined);
      return;
    }
    this.#stamps.delete(session.id);
    // A file that is damaged now may be mended while its medium stays in: the session follows it and says what is wrong.
    await session.locate(first ?? unusable);
    if (first !== undefined && session.content !== undefined) await this.#options.arrived(session);
  }

  async #lookAtFile(session: VaultSession, path: string): Promise<void> {
    const stamp = await stampOf(path);
    const before = this.#stamps.get(session.id);
    if (stamp === before) return;
    this.#stamps.set(session.id, stamp);
    const wasThere = session.content !== undefined;
    if (session.path === path) await session.refresh();
    else await session.locate(path);
    if (!wasThere && session.content !== undefined) await this.#options.arrived(session);
  }
}

/** The id of the vault at a path, or why there is none that can be used. */
async function identify(path: string): Promise<string | VaultError> {
  try {
    return await withVaultFile(path, 'read', async (storage) => parseVault(await storage.read()).id);
  } catch (error) {
    return error instanceof VaultError ? error : new VaultError('unreadable', String(error));
  }
}

async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unreadable';
  }
}
