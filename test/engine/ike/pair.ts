// Two whole IKE engines in virtual time, with a network between them that may lose, double, reorder and delay.
import assert from 'node:assert/strict';
import type {
  ChildKeys,
  ConnectionId,
  EspProposal,
  IkeConfiguration,
  IkeEffect,
  IkeEngine,
  IkeEnvironment,
  IkeEvent,
  IkeFailure,
  IkeProposal,
  ResponderConfiguration,
} from '../../../main/engine/ike/contract.ts';
import { createIkeEngine } from '../../../main/engine/ike/engine.ts';
import { type Endpoint, parseAddress } from '../../../main/engine/packet/address.ts';
import { selectorFromPrefix } from '../../../main/engine/policy/selector.ts';

/** A small, seeded generator (mulberry32): the same run every time. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface TestEnvironment extends IkeEnvironment {
  /** Secrets that were allocated and not freed. */
  readonly outstanding: Set<Uint8Array>;
}

export function testEnvironment(seed: number): TestEnvironment {
  const random = seededRandom(seed);
  const outstanding = new Set<Uint8Array>();
  let nextSpi = 0x1000 + (seed % 4000) * 0x100000;
  return {
    outstanding,
    random(bytes) {
      for (let index = 0; index < bytes.length; index++) bytes[index] = Math.floor(random() * 256);
    },
    allocateSecret(length) {
      const secret = new Uint8Array(length);
      outstanding.add(secret);
      return secret;
    },
    freeSecret(secret) {
      assert.ok(outstanding.delete(secret), 'a secret is freed twice, or was never allocated');
      secret.fill(0);
    },
    allocateSpi: () => nextSpi++,
  };
}

export function endpoint(address: string, port: number): Endpoint {
  return { address: parseAddress(address)!, port };
}

export const gcm256x25519: IkeProposal = {
  encryption: 'aes-256-gcm-16',
  integrity: 'none',
  prf: 'hmac-sha2-256',
  group: 31,
};

export const espGcm256: EspProposal = { encryption: 'aes-256-gcm-16' };

export function configuration(
  role: 'initiator' | 'responder',
  changes: Partial<IkeConfiguration> = {},
): IkeConfiguration {
  const ours = role === 'initiator' ? 'client.example' : 'gateway.example';
  const theirs = role === 'initiator' ? 'gateway.example' : 'client.example';
  const networks = [[selectorFromPrefix('10.1.0.0/24')], [selectorFromPrefix('10.2.0.0/24')]] as const;
  return {
    role,
    localIdentity: { type: 'fqdn', value: ours },
    remoteIdentity: { type: 'fqdn', value: theirs },
    localAuthentication: { method: 'psk' },
    remoteAuthentication: 'psk',
    ikeProposals: [gcm256x25519],
    espProposals: [espGcm256],
    children: [
      {
        association: role === 'initiator' ? 1 : 101,
        localSelectors: role === 'initiator' ? networks[0] : networks[1],
        remoteSelectors: role === 'initiator' ? networks[1] : networks[0],
      },
    ],
    requestVirtualAddress4: false,
    requestVirtualAddress6: false,
    requestDns: false,
    encapsulation: 'udp',
    replayWindow: 1024,
    ikeLifetimeSeconds: 0,
    childLifetime: {},
    deadPeerDetectionSeconds: 0,
    natKeepaliveSeconds: 0,
    retransmission: { firstMilliseconds: 500, factor: 1.8, tries: 5 },
    connectTimeoutMilliseconds: 10_000,
    ...changes,
  };
}

/** A child SA as a data plane would know it: keys as hex, since the secrets are freed. */
export interface InstalledChild {
  readonly association: number;
  inbound: { spi: number; key: string } | undefined;
  outbound: { spi: number; key: string } | undefined;
  readonly proposal: EspProposal;
  readonly localSelectors: ChildKeys['localSelectors'];
  readonly remoteSelectors: ChildKeys['remoteSelectors'];
}

export type Answerer = (effect: IkeEffect) => IkeEvent | undefined;

/** One engine and what the world around it does with the effects. */
export class Host {
  readonly name: string;
  readonly environment: TestEnvironment;
  readonly engine: IkeEngine;
  readonly effects: IkeEffect[] = [];
  readonly children = new Map<number, InstalledChild>();
  readonly closed: { connection: ConnectionId; reason: IkeFailure }[] = [];
  readonly failed: { association: number; reason: IkeFailure }[] = [];
  readonly established: ConnectionId[] = [];
  readonly expected = new Set<number>();
  /** Which outbound SPI an association sends under. */
  readonly sending = new Map<number, number>();
  psk = 'a pre-shared key';
  answer: Answerer | undefined;
  timer: number | undefined;
  send: (effect: Extract<IkeEffect, { type: 'send' }>) => void = () => {};

  constructor(
    name: string,
    seed: number,
    engineOf: (environment: IkeEnvironment) => IkeEngine = createIkeEngine,
  ) {
    this.name = name;
    this.environment = testEnvironment(seed);
    this.engine = engineOf(this.environment);
  }

  /** Effects are carried out in order, and their answers come as later events. */
  step(event: IkeEvent, now: number): void {
    const events = [event];
    for (let next = events.shift(); next !== undefined; next = events.shift()) {
      for (const effect of this.engine.step(next, now)) {
        const answer = this.#carryOut(effect);
        if (answer !== undefined) events.push(answer);
      }
    }
  }

  reasons(): string[] {
    return this.closed.map(({ reason }) => reason.code);
  }

  #carryOut(effect: IkeEffect): IkeEvent | undefined {
    this.effects.push(effect);
    switch (effect.type) {
      case 'send':
        this.send(effect);
        break;
      case 'set-timer':
        this.timer = effect.atMilliseconds;
        break;
      case 'established':
        this.established.push(effect.connection);
        break;
      case 'closed':
        this.closed.push(effect);
        break;
      case 'child-failed':
        this.failed.push(effect);
        break;
      case 'expect-inbound':
        this.expected.add(effect.spi);
        break;
      case 'cancel-expected':
        assert.ok(this.expected.delete(effect.spi), 'cancelled an SPI that was not expected');
        break;
      case 'install-child':
        this.#install(effect);
        break;
      case 'remove-child': {
        const child = this.children.get(effect.inboundSpi);
        assert.ok(child, 'removes a child that is not installed');
        this.children.delete(effect.inboundSpi);
        if (this.sending.get(effect.association) === effect.outboundSpi)
          this.sending.delete(effect.association);
        break;
      }
      case 'get-psk': {
        const secret = this.environment.allocateSecret(this.psk.length);
        secret.set(Buffer.from(this.psk));
        return { type: 'psk', request: effect.request, secret };
      }
      default:
        return this.answer?.(effect);
    }
    return undefined;
  }

  #install(effect: Extract<IkeEffect, { type: 'install-child' }>): void {
    const { child, direction } = effect;
    const { inbound, outbound } = child;
    const known = this.children.get(inbound.spi) ?? {
      association: child.association,
      inbound: undefined,
      outbound: undefined,
      proposal: child.proposal,
      localSelectors: child.localSelectors,
      remoteSelectors: child.remoteSelectors,
    };
    this.children.set(inbound.spi, known);
    if (direction !== 'outbound') {
      known.inbound = { spi: inbound.spi, key: this.#take(inbound.keyMaterial) };
      this.expected.delete(inbound.spi);
    } else assert.equal(inbound.keyMaterial.length, 0);
    if (direction !== 'inbound') {
      known.outbound = { spi: outbound.spi, key: this.#take(outbound.keyMaterial) };
      this.sending.set(child.association, outbound.spi);
    } else assert.equal(outbound.keyMaterial.length, 0);
  }

  #take(key: Uint8Array): string {
    const hex = Buffer.from(key).toString('hex');
    this.environment.freeSecret(key);
    return hex;
  }
}

export interface NetworkFaults {
  /** Probabilities, 0 to 1. */
  readonly loss: number;
  readonly duplication: number;
  /** Milliseconds; each datagram takes something between, so that they overtake each other. */
  readonly delay: readonly [number, number];
}

export const perfectNetwork: NetworkFaults = { loss: 0, duplication: 0, delay: [5, 5] };

interface Flight {
  readonly at: number;
  readonly sequence: number;
  readonly to: Host;
  readonly event: Extract<IkeEvent, { type: 'datagram' }>;
}

/** The client at 192.0.2.1:40000 and the gateway at 198.51.100.1, ports 500 and 4500. */
export class Pair {
  client: Host;
  readonly gateway: Host;
  readonly random: () => number;
  faults: NetworkFaults;
  now = 0;
  /** Sees, and may change or swallow, every datagram. */
  intercept: (from: Host, bytes: Uint8Array) => Uint8Array | undefined = (_from, bytes) => bytes;
  #flights: Flight[] = [];
  #sequence = 0;
  #events: { at: number; run: () => void }[] = [];

  constructor(
    seed = 1,
    faults: NetworkFaults = perfectNetwork,
    engineOf?: (environment: IkeEnvironment) => IkeEngine,
  ) {
    this.random = seededRandom(seed * 7919);
    this.faults = faults;
    this.client = new Host('client', seed * 2 + 1, engineOf);
    this.gateway = new Host('gateway', seed * 2 + 2, engineOf);
    this.client.send = (effect) => this.#transmit(this.client, this.gateway, effect);
    this.gateway.send = (effect) => this.#transmit(this.gateway, this.client, effect);
  }

  /** Another process takes the client's place, which knows nothing yet. */
  restartClient(seed: number): void {
    this.client = new Host('client', seed);
    this.client.send = (effect) => this.#transmit(this.client, this.gateway, effect);
  }

  /** The gateway serves everyone with this configuration, as connection 100. */
  serve(gateway: IkeConfiguration, changes: Partial<ResponderConfiguration> = {}): void {
    this.gateway.engine.setResponder({
      ikeProposals: gateway.ikeProposals,
      choose: () => ({ connection: 100, configuration: gateway }),
      ...changes,
    });
  }

  connect(client: IkeConfiguration, connection = 1, port = 500): void {
    this.client.step(
      {
        type: 'connect',
        connection,
        configuration: client,
        local: endpoint('192.0.2.1', 40_000),
        remote: endpoint('198.51.100.1', port),
      },
      this.now,
    );
  }

  at(milliseconds: number, run: () => void): void {
    this.#events.push({ at: milliseconds, run });
  }

  /** Lets time pass until `until` or until nothing is pending. */
  run(until: number): void {
    for (let steps = 0; steps < 200_000; steps++) {
      const next = this.#next();
      if (next === undefined || next.at > until) {
        this.now = until;
        return;
      }
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    assert.fail('the engines do not come to rest');
  }

  /** Every child that one end sends under is received by the other with the same key and mirrored selectors. */
  assertAgreement(): void {
    for (const [from, to] of [
      [this.client, this.gateway],
      [this.gateway, this.client],
    ] as const) {
      for (const child of from.children.values()) {
        if (child.outbound === undefined) continue;
        const { spi, key } = child.outbound;
        const other = to.children.get(spi);
        assert.ok(other?.inbound, `${from.name} sends under ${spi}, which ${to.name} does not know`);
        assert.equal(other.inbound.key, key);
        assert.deepEqual(other.localSelectors, child.remoteSelectors);
        assert.deepEqual(other.remoteSelectors, child.localSelectors);
      }
    }
  }

  #next(): { at: number; run: () => void } | undefined {
    const flight = this.#flights.reduce<Flight | undefined>(
      (best, one) =>
        best === undefined || one.at < best.at || (one.at === best.at && one.sequence < best.sequence)
          ? one
          : best,
      undefined,
    );
    const candidates: { at: number; run: () => void }[] = [];
    if (flight !== undefined) {
      candidates.push({
        at: flight.at,
        run: () => {
          this.#flights = this.#flights.filter((one) => one !== flight);
          flight.to.step(flight.event, this.now);
        },
      });
    }
    for (const event of this.#events) {
      candidates.push({
        at: event.at,
        run: () => {
          this.#events = this.#events.filter((one) => one !== event);
          event.run();
        },
      });
    }
    for (const host of [this.client, this.gateway]) {
      if (host.timer !== undefined) {
        candidates.push({ at: host.timer, run: () => host.step({ type: 'timer' }, this.now) });
      }
    }
    return candidates.reduce<{ at: number; run: () => void } | undefined>(
      (best, one) => (best === undefined || one.at < best.at ? one : best),
      undefined,
    );
  }

  #transmit(from: Host, to: Host, effect: Extract<IkeEffect, { type: 'send' }>): void {
    const bytes = this.intercept(from, effect.bytes);
    if (bytes === undefined) return;
    const copies = this.random() < this.faults.duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.random() < this.faults.loss) continue;
      const [least, most] = this.faults.delay;
      this.#flights.push({
        at: this.now + least + this.random() * (most - least),
        sequence: this.#sequence++,
        to,
        event: {
          type: 'datagram',
          bytes: bytes.slice(),
          local: effect.remote,
          remote: effect.local,
          marker: effect.marker,
        },
      });
    }
  }
}
