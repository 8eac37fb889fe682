// A captive portal between a connection and its gateway: noticed while the gateway is silent, let through for the
// person who signs in, and the connection tried again as soon as it has opened.
import { ControlError } from '../../control/failure.ts';
import { formatAddress, type IpAddress, parseAddress } from '../../engine/packet/address.ts';
import type { Passage } from '../../host/network.ts';
import type { PortalFinding, PortalSearch } from '../portal-check.ts';
import { wallClock } from '../wall-clock.ts';
import type { ConnectionModel } from './machine.ts';

export interface PortalSurroundings {
  /** Absent: portals are not looked for. */
  readonly search: PortalSearch | undefined;
  readonly profile: string;
  resolve(name: string): Promise<readonly IpAddress[]>;
  /** The link towards the gateway. */
  link(): string | undefined;
  /** The gateway has not answered the attempt that is under way. */
  unanswered(): boolean;
  /** Never lifted for a portal: what the profile protects by name. */
  isShielded(address: IpAddress): boolean;
  /** What passes changed. */
  amend(): Promise<void>;
  found(url: string): void;
  /** Nobody intercepts any more. */
  gone(): void;
  now(): number;
  schedule(atMilliseconds: number, call: () => void): () => void;
}

/** A gateway that is there has answered by then. */
const silenceMilliseconds = 1500;
const lookAgainMilliseconds = 3000;
const signInMilliseconds = 5 * 60_000;
const mostAddresses = 8;

export class Portal {
  readonly #surroundings: PortalSurroundings;
  #probed: readonly Passage[] = [];
  #signIn: readonly Passage[] = [];
  #watched: 'silence' | 'portal' | undefined;
  /** Counts what is watched: an answer to something older tells nothing any more. */
  #turn = 0;
  #cancelLook: (() => void) | undefined;
  #cancelSignIn: (() => void) | undefined;

  constructor(surroundings: PortalSurroundings) {
    this.#surroundings = surroundings;
  }

  get passages(): readonly Passage[] {
    return [...this.#probed, ...this.#signIn];
  }

  /** The person who signs in needs the names that the network tells. */
  get nameServersForEveryoneUntil(): number | undefined {
    return this.#signIn[0]?.forEveryoneUntil;
  }

  /** The connection's state as it is now. */
  follow({ phase, why }: ConnectionModel): void {
    const captive = why?.code === 'captive-portal';
    if (phase === 'agreeing') this.#watch('silence');
    else if (phase === 'backing-off' && captive) this.#watch('portal');
    else if (phase !== 'preparing' || this.#watched === 'silence') this.#watch(undefined);
    if (phase === 'idle' || phase === 'cleaning' || phase === 'configuring') this.#close();
  }

  /**
   * Lets the page's server and the name servers through, beside the tunnel, until the connection is up and for five
   * minutes at most. Resolves to when that ends. Throws ControlError name-not-resolved, portal-shielded.
   */
  async allow(url: string): Promise<number> {
    const { profile, isShielded, now, schedule, amend } = this.#surroundings;
    const page = new URL(url);
    const addresses = (await this.#resolve(page)).slice(0, mostAddresses);
    if (addresses.length === 0) throw new ControlError({ code: 'name-not-resolved', name: page.hostname });
    const passing = addresses.filter((address) => !isShielded(address));
    if (passing.length === 0) {
      throw new ControlError({ code: 'portal-shielded', profile, host: page.hostname });
    }
    const ports = [...new Set([80, 443, ...(page.port === '' ? [] : [Number(page.port)])])];
    const until = now() + signInMilliseconds;
    const forEveryoneUntil = Math.floor(wallClock(until) / 1000);
    this.#signIn = passing.map((address) => ({ address: formatAddress(address), ports, forEveryoneUntil }));
    this.#cancelSignIn?.();
    this.#cancelSignIn = schedule(until, () => {
      this.#signIn = [];
      void amend();
    });
    await amend();
    return until;
  }

  /** Nothing is watched or open any more. */
  end(): void {
    this.#watch(undefined);
    this.#close();
  }

  #close(): void {
    this.#cancelSignIn?.();
    this.#cancelSignIn = undefined;
    this.#signIn = [];
    this.#probed = [];
  }

  #watch(what: 'silence' | 'portal' | undefined): void {
    if (this.#watched === what) return;
    this.#watched = what;
    this.#turn += 1;
    this.#cancelLook?.();
    this.#cancelLook = undefined;
    if (what === 'silence') this.#lookIn(silenceMilliseconds);
    if (what === 'portal') this.#lookIn(lookAgainMilliseconds);
  }

  #lookIn(milliseconds: number): void {
    const { search, now, schedule } = this.#surroundings;
    if (search === undefined) return;
    this.#cancelLook = schedule(now() + milliseconds, () => void this.#look(search));
  }

  async #look(search: PortalSearch): Promise<void> {
    const turn = this.#turn;
    if (this.#watched === 'silence' && !this.#surroundings.unanswered()) return;
    const finding = await this.#ask(search);
    if (turn !== this.#turn) return;
    if (this.#watched === 'silence') {
      if (finding.kind === 'portal' && this.#surroundings.unanswered()) this.#surroundings.found(finding.url);
      return;
    }
    if (finding.kind === 'open') this.#surroundings.gone();
    else this.#lookIn(lookAgainMilliseconds);
  }

  /** The first question that says anything. */
  async #ask({ questions, ask }: PortalSearch): Promise<PortalFinding> {
    for (const question of questions) {
      const link = this.#surroundings.link();
      const page = new URL(question.url);
      const [address] = await this.#resolve(page);
      if (link === undefined || address === undefined) continue;
      await this.#letAnswersIn(address, Number(page.port || 80));
      const finding = await ask(question, address, link);
      if (finding.kind !== 'silent') return finding;
    }
    return { kind: 'silent' };
  }

  /** Our own question passes; its answer comes from an address that may be protected. */
  async #letAnswersIn(address: IpAddress, port: number): Promise<void> {
    const passage = { address: formatAddress(address), ports: [port] };
    if (this.#probed.some((each) => JSON.stringify(each) === JSON.stringify(passage))) return;
    this.#probed = [...this.#probed, passage].slice(-mostAddresses);
    await this.#surroundings.amend();
  }

  async #resolve({ hostname }: URL): Promise<readonly IpAddress[]> {
    const literal = parseAddress(hostname.replace(/^\[(.*)\]$/, '$1'));
    if (literal !== undefined) return [literal];
    try {
      const found = await this.#surroundings.resolve(hostname);
      return [...found].sort((one, other) => one.family - other.family);
    } catch {
      return [];
    }
  }
}
