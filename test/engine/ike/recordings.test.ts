// Known answers from an independent implementation: conversations recorded with strongSwan (IKE_SA_INIT, IKE_AUTH,
// rekeying of the IKE SA and of the child, DELETE). Given the same randomness the engine must send the same octets,
// and find the recorded ones authentic.
import assert from 'node:assert/strict';
import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type {
  EspProposal,
  IkeConfiguration,
  IkeEffect,
  IkeEnvironment,
  IkeEvent,
  IkeProposal,
} from '../../../main/engine/ike/contract.ts';
import { createObservedIkeEngine } from '../../../main/engine/ike/key-observer.ts';
import { selectorFromPrefix } from '../../../main/engine/policy/selector.ts';
import { configuration, endpoint } from './pair.ts';

interface Recording {
  readonly name: string;
  readonly peer: string;
  readonly proposal: IkeProposal;
  readonly esp: EspProposal[];
  readonly gateway: string;
  readonly certificate?: string;
  readonly keyType?: 'rsa' | 'ecdsa-p256';
  readonly signature?: string;
  readonly firstSpi: number;
  /** Every answer of environment.random, in order. */
  readonly random: string[];
  readonly datagrams: { sent?: string; received?: string; port: number }[];
  readonly ikeKeys: Record<string, string>[];
  readonly childKeys: { initiator: string; responder: string }[];
}

const folder = new URL('recordings/', import.meta.url);

describe('a recorded conversation with strongSwan', () => {
  for (const file of readdirSync(folder).sort()) {
    const recording = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Recording;
    it(`${recording.name}: the same octets, the same keys`, () => replay(recording));
  }
});

function replay(recording: Recording): void {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const random = [...recording.random];
  let spi = recording.firstSpi;
  const environment: IkeEnvironment = {
    random: (bytes) =>
      bytes.set(Buffer.from(random.shift() ?? assert.fail('asks for more randomness'), 'hex')),
    allocateSecret: (length) => new Uint8Array(length),
    freeSecret: () => {},
    allocateSpi: () => spi++,
  };
  const ikeKeys: Record<string, string>[] = [];
  const childKeys: { initiator: string; responder: string }[] = [];
  const engine = createObservedIkeEngine(environment, {
    ikeKeys: (_input, keys) =>
      ikeKeys.push(Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, hex(key)]))),
    childKeys: (_input, initiator, responder) =>
      childKeys.push({ initiator: hex(initiator), responder: hex(responder) }),
  });
  const local = endpoint('10.77.0.1', 40_000);
  const gateway = '10.77.0.2';
  const datagrams = [...recording.datagrams];
  const commands: IkeEvent[] = [
    { type: 'rekey-ike', connection: 1 },
    { type: 'rekey-child', connection: 1, association: 1, spi: recording.firstSpi },
    { type: 'disconnect', connection: 1, abrupt: false },
  ];
  const events: IkeEvent[] = [];
  const seen: string[] = [];
  const carryOut = (effect: IkeEffect): void => {
    seen.push(effect.type);
    switch (effect.type) {
      case 'send': {
        const expected = datagrams.shift();
        assert.equal(hex(effect.bytes), expected?.sent);
        assert.equal(effect.remote.port, expected?.port);
        break;
      }
      case 'get-psk':
        events.push({
          type: 'psk',
          request: effect.request,
          secret: new Uint8Array(Buffer.from('a pre-shared key')),
        });
        break;
      case 'sign':
        events.push({
          type: 'signed',
          request: effect.request,
          signature: new Uint8Array(Buffer.from(recording.signature!, 'hex')),
        });
        break;
      case 'verify-peer': {
        const key = createPublicKey(
          new X509Certificate(effect.certificates[0]!).publicKey.export({ type: 'spki', format: 'pem' }),
        );
        const valid = verify(effect.scheme.hash, effect.data, key, effect.signature);
        assert.ok(valid, 'the signature of the gateway does not fit the octets that we computed');
        events.push({ type: 'peer-verified', request: effect.request, valid });
        break;
      }
      case 'closed':
        assert.deepEqual(effect.reason, { code: 'requested' });
        break;
    }
  };
  const step = (event: IkeEvent): void => {
    events.push(event);
    for (let next = events.shift(); next !== undefined; next = events.shift()) {
      for (const effect of engine.step(next, 0)) carryOut(effect);
    }
  };
  step({
    type: 'connect',
    connection: 1,
    configuration: recordedConfiguration(recording),
    local,
    remote: endpoint(gateway, 500),
  });
  for (let next = datagrams[0]; next !== undefined; next = datagrams[0]) {
    if (next.received === undefined) {
      step(commands.shift() ?? assert.fail('a recorded message was not sent'));
      assert.notEqual(datagrams[0], next, 'a recorded message was not sent');
    } else {
      datagrams.shift();
      const bytes = new Uint8Array(Buffer.from(next.received, 'hex'));
      step({ type: 'datagram', bytes, local, remote: endpoint(gateway, next.port) });
    }
  }
  assert.deepEqual(ikeKeys, recording.ikeKeys);
  assert.deepEqual(childKeys, recording.childKeys);
  assert.equal(seen.filter((type) => type === 'install-child').length, 2);
  assert.equal(seen.at(-1), 'set-timer');
  assert.ok(seen.includes('closed'));
}

function recordedConfiguration(recording: Recording): IkeConfiguration {
  const { certificate, keyType } = recording;
  return configuration('initiator', {
    remoteIdentity: { type: 'fqdn', value: recording.gateway },
    ...(certificate === undefined || keyType === undefined
      ? {}
      : {
          localAuthentication: {
            method: 'certificate',
            certificates: [new Uint8Array(Buffer.from(certificate, 'hex'))],
            keyType,
          },
          remoteAuthentication: 'certificate',
        }),
    ikeProposals: [recording.proposal],
    espProposals: recording.esp,
    children: [{ association: 1, localSelectors: [], remoteSelectors: [selectorFromPrefix('10.2.0.0/24')] }],
    requestVirtualAddress4: true,
    requestDns: true,
  });
}
