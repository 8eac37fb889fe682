// The flow cache: every conversation with its verdict, found in one probe from either direction. Bounded, typed arrays
// only; nothing is allocated for a packet.
import { protocolNumber } from '../packet/protocol.ts';
import { tcpFlag } from '../packet/view.ts';
import type { FlowKey } from './flow-key.ts';
import type { PolicyAction } from './row.ts';

/** Idle milliseconds after which a flow is forgotten. */
export const flowTimeout = {
  tcpEstablished: 2 * 60 * 60 * 1000,
  /** Only one side has been heard. */
  tcpOpening: 2 * 60 * 1000,
  /** A FIN or RST was seen. */
  tcpClosing: 60 * 1000,
  icmp: 30 * 1000,
  /** UDP and everything else. */
  other: 3 * 60 * 1000,
} as const;

export const noFlow = -1;

/**
 * A flow has two keys: the terminal's side, by which outbound packets find it, and the wire's side, by which inbound
 * packets do. They differ in local address, and perhaps port, where the source is translated.
 */
export class FlowTable {
  readonly capacity: number;
  #count = 0;
  readonly #seed: number;
  /** Flow + 1 by hash of the terminal's side and of the wire's side; 0 is free. Linear probing. */
  readonly #terminalIndex: Int32Array;
  readonly #wireIndex: Int32Array;
  readonly #indexMask: number;
  readonly #words: Int32Array;
  readonly #terminalHash: Int32Array;
  readonly #wireHash: Int32Array;
  readonly #lastSeen: Float64Array;
  readonly #timeout: Float64Array;
  readonly #flags: Uint8Array;
  readonly #row: Int32Array;
  readonly #association: Int32Array;
  readonly #stamp: Int32Array;
  /** Flows that are free, as a stack. */
  readonly #free: Int32Array;
  #hand = 0;

  /** `seed`: any number that outsiders do not know, so that they cannot aim at one hash chain. */
  constructor(capacity = 65_536, seed = 0) {
    this.capacity = capacity;
    this.#seed = seed | 0;
    const indexSize = 2 ** Math.ceil(Math.log2(Math.max(capacity, 2) * 2));
    this.#indexMask = indexSize - 1;
    this.#terminalIndex = new Int32Array(indexSize);
    this.#wireIndex = new Int32Array(indexSize);
    this.#words = new Int32Array(capacity * flowWords);
    this.#terminalHash = new Int32Array(capacity);
    this.#wireHash = new Int32Array(capacity);
    this.#lastSeen = new Float64Array(capacity);
    this.#timeout = new Float64Array(capacity);
    this.#flags = new Uint8Array(capacity);
    this.#row = new Int32Array(capacity);
    this.#association = new Int32Array(capacity);
    this.#stamp = new Int32Array(capacity);
    this.#free = Int32Array.from({ length: capacity }, (_, index) => capacity - 1 - index);
  }

  get count(): number {
    return this.#count;
  }

  /** The flow whose terminal's side this is, or `noFlow`. Expired ones are forgotten on the way. */
  findByTerminalSide(key: FlowKey, nowMilliseconds: number): number {
    const hash = this.#hash(key);
    const index = this.#terminalIndex;
    for (let slot = hash & this.#indexMask; index[slot] !== 0; slot = (slot + 1) & this.#indexMask) {
      const flow = index[slot]! - 1;
      if (this.#terminalHash[flow] === hash && this.#isTerminalSide(flow, key)) {
        return this.#unlessExpired(flow, nowMilliseconds);
      }
    }
    return noFlow;
  }

  /** The flow whose wire's side this is, or `noFlow`. */
  findByWireSide(key: FlowKey, nowMilliseconds: number): number {
    const hash = this.#hash(key);
    const index = this.#wireIndex;
    for (let slot = hash & this.#indexMask; index[slot] !== 0; slot = (slot + 1) & this.#indexMask) {
      const flow = index[slot]! - 1;
      if (this.#wireHash[flow] === hash && this.#isWireSide(flow, key)) {
        return this.#unlessExpired(flow, nowMilliseconds);
      }
    }
    return noFlow;
  }

  /**
   * Adds a flow with this terminal's side; the caller has looked that there is none. It has no wire's side yet:
   * `setWireSide` gives it one. A full table forgets, among a few, the flow that would expire first.
   */
  insert(key: FlowKey, begunByTerminal: boolean, nowMilliseconds: number): number {
    if (this.#count === this.capacity) this.remove(this.#chooseVictim(nowMilliseconds));
    const flow = this.#free[this.capacity - 1 - this.#count]!;
    this.#count += 1;
    const place = flow * flowWords;
    this.#words[place] = key.local0;
    this.#words[place + 1] = key.local1;
    this.#words[place + 2] = key.local2;
    this.#words[place + 3] = key.local3;
    this.#words[place + 4] = key.remote0;
    this.#words[place + 5] = key.remote1;
    this.#words[place + 6] = key.remote2;
    this.#words[place + 7] = key.remote3;
    this.#words[place + 8] = (key.localPort << 16) | key.remotePort;
    this.#words[place + 9] = (key.family << 8) | key.protocol;
    this.#words[place + 10] = (key.matchLocalPort << 16) | key.matchRemotePort;
    this.#flags[flow] = flowFlag.used | (begunByTerminal ? flowFlag.begunByTerminal : 0);
    this.#lastSeen[flow] = nowMilliseconds;
    this.#timeout[flow] = initialTimeout(key.protocol);
    const hash = this.#hash(key);
    this.#terminalHash[flow] = hash;
    this.#addToIndex(this.#terminalIndex, hash, flow);
    return flow;
  }

  /** The local address and port under which the flow is known on the wire; `key` has the same remote side. */
  setWireSide(flow: number, key: FlowKey): void {
    const place = flow * flowWords;
    this.#words[place + 11] = key.local0;
    this.#words[place + 12] = key.local1;
    this.#words[place + 13] = key.local2;
    this.#words[place + 14] = key.local3;
    this.#words[place + 15] = (key.localPort << 16) | key.remotePort;
    const hash = this.#hash(key);
    this.#wireHash[flow] = hash;
    this.#addToIndex(this.#wireIndex, hash, flow);
    let flags = this.#flags[flow]! | flowFlag.onWire;
    const words = this.#words;
    const isSame =
      words[place] === key.local0 &&
      words[place + 1] === key.local1 &&
      words[place + 2] === key.local2 &&
      words[place + 3] === key.local3 &&
      words[place + 8] === words[place + 15];
    if (!isSame) flags |= flowFlag.translated;
    this.#flags[flow] = flags;
  }

  setVerdict(flow: number, row: number, action: PolicyAction, association: number, stamp: number): void {
    this.#row[flow] = row;
    this.#association[flow] = association;
    this.#stamp[flow] = stamp;
    this.#flags[flow] = (this.#flags[flow]! & ~flowFlag.actionMask) | actionCode(action);
  }

  /** A packet of the flow passed. `tcpFlags` 0 for other protocols. */
  touch(flow: number, outbound: boolean, tcpFlags: number, nowMilliseconds: number): void {
    this.#lastSeen[flow] = nowMilliseconds;
    const heard = outbound ? flowFlag.heardTerminal : flowFlag.heardRemote;
    const flags = this.#flags[flow]!;
    if ((flags & heard) !== 0 && (tcpFlags & (tcpFlag.fin | tcpFlag.rst)) === 0) return;
    this.#flags[flow] = flags | heard;
    if ((this.#words[flow * flowWords + 9]! & 0xff) !== protocolNumber.tcp) return;
    if ((tcpFlags & (tcpFlag.fin | tcpFlag.rst)) !== 0) this.#timeout[flow] = flowTimeout.tcpClosing;
    else if (this.#timeout[flow] === flowTimeout.tcpOpening && (flags & flowFlag.heardBoth) !== 0) {
      this.#timeout[flow] = flowTimeout.tcpEstablished;
    }
  }

  remove(flow: number): void {
    this.#removeFromIndex(this.#terminalIndex, this.#terminalHash, flow);
    if ((this.#flags[flow]! & flowFlag.onWire) !== 0) {
      this.#removeFromIndex(this.#wireIndex, this.#wireHash, flow);
    }
    this.#flags[flow] = 0;
    this.#count -= 1;
    this.#free[this.capacity - 1 - this.#count] = flow;
  }

  row(flow: number): number {
    return this.#row[flow]!;
  }

  association(flow: number): number {
    return this.#association[flow]!;
  }

  action(flow: number): PolicyAction {
    return actionNames[this.#flags[flow]! & flowFlag.actionMask]!;
  }

  /** Which replacement of table or translation the verdict comes from. */
  stamp(flow: number): number {
    return this.#stamp[flow]!;
  }

  begunByTerminal(flow: number): boolean {
    return (this.#flags[flow]! & flowFlag.begunByTerminal) !== 0;
  }

  /** Does the wire's side differ from the terminal's? */
  isTranslated(flow: number): boolean {
    return (this.#flags[flow]! & flowFlag.translated) !== 0;
  }

  /** A TCP connection whose end was seen: a SYN begins another one. */
  isClosing(flow: number): boolean {
    return this.#timeout[flow] === flowTimeout.tcpClosing;
  }

  /** Fills `key` with the terminal's side. */
  readTerminalSide(flow: number, key: FlowKey): void {
    this.#readKey(flow, key, 0, 8);
  }

  /** Fills `key` with the wire's side. */
  readWireSide(flow: number, key: FlowKey): void {
    this.#readKey(flow, key, 11, 15);
  }

  /** Forgets expired flows among the next `limit`; to be called now and then. Returns how many. */
  expire(nowMilliseconds: number, limit: number): number {
    let forgotten = 0;
    for (let step = 0; step < limit && step < this.capacity; step += 1) {
      const flow = this.#advanceHand();
      if ((this.#flags[flow]! & flowFlag.used) !== 0 && this.#remaining(flow, nowMilliseconds) < 0) {
        this.remove(flow);
        forgotten += 1;
      }
    }
    return forgotten;
  }

  #readKey(flow: number, key: FlowKey, localPlace: number, portPlace: number): void {
    const words = this.#words;
    const place = flow * flowWords;
    key.local0 = words[place + localPlace]!;
    key.local1 = words[place + localPlace + 1]!;
    key.local2 = words[place + localPlace + 2]!;
    key.local3 = words[place + localPlace + 3]!;
    key.remote0 = words[place + 4]!;
    key.remote1 = words[place + 5]!;
    key.remote2 = words[place + 6]!;
    key.remote3 = words[place + 7]!;
    key.localPort = words[place + portPlace]! >>> 16;
    key.remotePort = words[place + portPlace]! & 0xffff;
    key.matchLocalPort = words[place + 10]! >>> 16;
    key.matchRemotePort = words[place + 10]! & 0xffff;
    key.family = words[place + 9]! >> 8 === 4 ? 4 : 6;
    key.protocol = words[place + 9]! & 0xff;
    key.portsKnown = true;
  }

  #unlessExpired(flow: number, nowMilliseconds: number): number {
    if (this.#remaining(flow, nowMilliseconds) >= 0) return flow;
    this.remove(flow);
    return noFlow;
  }

  #remaining(flow: number, nowMilliseconds: number): number {
    return this.#lastSeen[flow]! + this.#timeout[flow]! - nowMilliseconds;
  }

  #chooseVictim(nowMilliseconds: number): number {
    let victim = this.#advanceHand();
    for (let step = 1; step < victimCandidates && this.#remaining(victim, nowMilliseconds) >= 0; step += 1) {
      const flow = this.#advanceHand();
      if (this.#remaining(flow, nowMilliseconds) < this.#remaining(victim, nowMilliseconds)) victim = flow;
    }
    return victim;
  }

  #advanceHand(): number {
    const flow = this.#hand;
    this.#hand = flow + 1 === this.capacity ? 0 : flow + 1;
    return flow;
  }

  #isTerminalSide(flow: number, key: FlowKey): boolean {
    const words = this.#words;
    const place = flow * flowWords;
    return (
      words[place + 8] === ((key.localPort << 16) | key.remotePort) &&
      words[place] === key.local0 &&
      words[place + 4] === key.remote0 &&
      words[place + 9] === ((key.family << 8) | key.protocol) &&
      (key.family === 4 ||
        (words[place + 1] === key.local1 &&
          words[place + 2] === key.local2 &&
          words[place + 3] === key.local3 &&
          this.#isRemoteTail(place, key)))
    );
  }

  #isWireSide(flow: number, key: FlowKey): boolean {
    const words = this.#words;
    const place = flow * flowWords;
    return (
      words[place + 15] === ((key.localPort << 16) | key.remotePort) &&
      words[place + 11] === key.local0 &&
      words[place + 4] === key.remote0 &&
      words[place + 9] === ((key.family << 8) | key.protocol) &&
      (key.family === 4 ||
        (words[place + 12] === key.local1 &&
          words[place + 13] === key.local2 &&
          words[place + 14] === key.local3 &&
          this.#isRemoteTail(place, key)))
    );
  }

  #isRemoteTail(place: number, key: FlowKey): boolean {
    const words = this.#words;
    return (
      words[place + 5] === key.remote1 && words[place + 6] === key.remote2 && words[place + 7] === key.remote3
    );
  }

  #hash(key: FlowKey): number {
    let hash = mix(this.#seed, key.local0);
    hash = mix(hash, key.remote0);
    hash = mix(hash, (key.localPort << 16) | key.remotePort);
    if (key.family === 6) {
      hash = mix(mix(mix(hash, key.local1), key.local2), key.local3);
      hash = mix(mix(mix(hash, key.remote1), key.remote2), key.remote3);
    }
    hash = mix(hash, key.protocol);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return hash ^ (hash >>> 13);
  }

  #addToIndex(index: Int32Array, hash: number, flow: number): void {
    let slot = hash & this.#indexMask;
    while (index[slot] !== 0) slot = (slot + 1) & this.#indexMask;
    index[slot] = flow + 1;
  }

  /** Closes the gap by moving later entries of the chain back (Knuth, algorithm R), so that no tombstones pile up. */
  #removeFromIndex(index: Int32Array, hashes: Int32Array, flow: number): void {
    const mask = this.#indexMask;
    let gap = hashes[flow]! & mask;
    while (index[gap] !== flow + 1) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; index[slot] !== 0; slot = (slot + 1) & mask) {
      const home = hashes[index[slot]! - 1]! & mask;
      if (((slot - home) & mask) >= ((slot - gap) & mask)) {
        index[gap] = index[slot]!;
        gap = slot;
      }
    }
    index[gap] = 0;
  }
}

/** Local, remote (4 each), ports, family and protocol, ports to match, wire's local (4), wire's ports. */
const flowWords = 16;

const victimCandidates = 16;

const flowFlag = {
  actionMask: 3,
  used: 4,
  begunByTerminal: 8,
  heardTerminal: 16,
  heardRemote: 32,
  heardBoth: 48,
  onWire: 64,
  translated: 128,
} as const;

const actionNames: readonly PolicyAction[] = ['PROTECT', 'BYPASS', 'DISCARD'];

function actionCode(action: PolicyAction): number {
  if (action === 'PROTECT') return 0;
  return action === 'BYPASS' ? 1 : 2;
}

function initialTimeout(protocol: number): number {
  if (protocol === protocolNumber.tcp) return flowTimeout.tcpOpening;
  if (protocol === protocolNumber.icmp || protocol === protocolNumber.icmpv6) return flowTimeout.icmp;
  return flowTimeout.other;
}

/** One round of MurmurHash3. */
function mix(hash: number, word: number): number {
  let value = Math.imul(word, 0xcc9e2d51);
  value = (value << 15) | (value >>> 17);
  let mixed = hash ^ Math.imul(value, 0x1b873593);
  mixed = (mixed << 13) | (mixed >>> 19);
  return (Math.imul(mixed, 5) + 0xe6546b64) | 0;
}
