// A `window.sealnic` without a service, for the page in a real browser: answers from fixtures, remembers what was asked.
import type {
  CaptureState,
  CommandName,
  EventName,
  SealnicBridge,
  ServiceState,
  Settings,
} from '../../main/tray/ipc.ts';
import {
  associations,
  bundleFiles,
  filterRows,
  findings,
  logLines,
  profileText,
  type Scenario,
  serviceState,
  setupState,
  terminal,
  verdicts,
} from './fixtures.ts';
import { cardsIn, keysIn } from './key-fixtures.ts';

export interface FakeOptions {
  readonly scenario: Scenario;
  readonly language: 'en' | 'ja';
  readonly theme: 'light' | 'dark';
  readonly contrast?: 'system' | 'high';
}

export interface FakeBridge extends SealnicBridge {
  /** Every command, in order. */
  readonly asked: { readonly name: CommandName; readonly parameters: unknown }[];
  /** What main would send in a scenario. */
  stateOf(scenario: Scenario): ServiceState;
  /** Sends an event as main would. */
  emit(name: EventName, value: unknown): void;
}

type Answer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly failure: unknown };

export function fakeBridge({ scenario, language, theme, contrast }: FakeOptions): FakeBridge {
  const begun = Date.now();
  const asked: FakeBridge['asked'] = [];
  const listeners = new Map<EventName, Set<(value: never) => void>>();
  let settings: Settings = {
    theme,
    language,
    contrast: contrast ?? 'system',
    motion: 'system',
    notifications: true,
    checkForUpdates: false,
    startAtLogin: false,
    connectOnStart: ['office'],
  };
  const state = (): ServiceState => moved(serviceState(scenario, begun), Date.now() - begun);
  let rows = filterRows();
  let nextRow = 4;
  let capture: CaptureState = { state: 'none' };
  let dismissed = false;

  const answer = (name: CommandName, parameters: never): unknown => {
    switch (name) {
      case 'state.get':
      case 'state.refresh':
        return state();
      case 'settings.get':
        return settings;
      case 'settings.set':
        settings = { ...settings, ...(parameters as Partial<Settings>) };
        emit('settings', settings);
        return settings;
      case 'app.information':
        return {
          version: '0.1.0',
          electronVersion: '45.4.1',
          platform: 'linux',
          systemLanguage: 'en',
          language,
          controlPath: '/run/sealnic/control.sock',
          trayAvailable: true,
          startAtLoginSupported: true,
          updateCheckSupported: true,
        };
      case 'connection.up': {
        const { profile } = parameters as { profile: string };
        if (profile !== 'annex') return {};
        throw { code: 'networks-overlap', profile, other: 'office', prefixes: ['10.1.128.0/17'] };
      }
      case 'filter.list':
        return { version: 1, rows };
      case 'filter.add': {
        const { row, position } = parameters as { row: Partial<(typeof rows)[number]>; position?: number };
        if (row.destination === 'nonsense') {
          throw {
            code: 'row-invalid',
            field: 'destination',
            problem: { code: 'address-invalid', text: 'nonsense' },
          };
        }
        const id = `filter-${nextRow++}`;
        const own = rows.filter(({ removable }) => removable);
        const before = own[position ?? own.length];
        const at =
          before === undefined ? rows.findLastIndex((each) => each.removable) + 1 : rows.indexOf(before);
        const added = { ...rows[1]!, note: undefined, ...row, id, hits: { packets: 0, bytes: 0 } };
        rows = [...rows.slice(0, at), added as (typeof rows)[number], ...rows.slice(at)];
        return { id };
      }
      case 'filter.replace': {
        const { id, row } = parameters as { id: string; row: Partial<(typeof rows)[number]> };
        rows = rows.map((each) => (each.id === id ? { ...each, ...row } : each));
        return {};
      }
      case 'filter.move': {
        const { id, position } = parameters as { id: string; position: number };
        const own = rows.filter((each) => each.removable && each.id !== id);
        const order = own.toSpliced(position, 0, rows.find((each) => each.id === id)!);
        rows = rows.map((each) => (each.removable ? order.shift()! : each));
        return {};
      }
      case 'filter.remove':
        rows = rows.filter(({ id }) => id !== (parameters as { id: string }).id);
        return {};
      case 'filter.explain':
        return {
          explanations: [
            {
              source: '10.9.0.12',
              destination: '10.1.0.25',
              protocol: 'tcp',
              sourcePort: 49152,
              destinationPort: 25,
              action: 'DISCARD',
              rowId: 'filter-1',
              outcome: 'dropped',
              rowLabel: { code: 'label-text', text: 'no mail from laptops' },
              origin: 'filter',
              reason: { code: 'row-fits' },
              passed: [
                {
                  rowId: 'office-local-network',
                  rowLabel: { code: 'label-local-network' },
                  difference: {
                    code: 'destination-differs',
                    found: '10.1.0.25',
                    wanted: '192.168.1.0-192.168.1.255',
                  },
                },
              ],
              enforcedBy: 'engine',
            },
          ],
        };
      case 'sa.list':
        return scenario === 'connected' ? associations(begun) : { ike: [], children: [] };
      case 'profiles.show':
        return { profile: 'office', text: profileText };
      case 'profiles.validate':
        return {
          problems: (parameters as { text: string }).text.includes('adress')
            ? [
                {
                  line: 4,
                  column: 1,
                  key: 'gateway.adress',
                  problem: { code: 'key-misspelt', near: 'address' },
                },
              ]
            : [],
        };
      case 'profiles.save':
      case 'profiles.import':
        if (
          name === 'profiles.import' &&
          (parameters as { passphrase?: Uint8Array }).passphrase === undefined
        ) {
          throw { code: 'passphrase-needed' };
        }
        return { profiles: ['office'], secrets: ['office'], remarks: [{ code: 'remark-apps' }] };
      case 'secrets.list':
        return { secrets: [{ name: 'alice', kind: 'certificate', owner: 0, storedAt: begun, usedBy: [] }] };
      case 'keys.list':
        return { keys: keysIn(scenario, begun) };
      case 'card.status': {
        const cards = cardsIn(scenario, begun);
        return { state: 'ready', readers: ['Yubico YubiKey CCID 00 00'], cards };
      }
      case 'card.test':
        return { subject: 'CN=alice, O=Example', algorithm: 'ecc-p256', milliseconds: 81 };
      case 'card.setup':
        return { made: true, algorithm: 'ecc-p256', pem: '-----BEGIN CERTIFICATE REQUEST-----\n' };
      case 'vault.choose-file':
        return { path: '/media/alice/STICK/sealnic.vault' };
      case 'vault.make':
      case 'keys.add-protector':
      case 'keys.add-compartment':
        return JSON.stringify(parameters).includes('"recovery"') ? { recoveryCode: recoveryCode() } : {};
      case 'vault.open': {
        const { recoveryCode: typed } = parameters as { recoveryCode?: Uint8Array };
        const mistyped = typed !== undefined && typed.length < 47;
        return {
          opened: [],
          missing: [],
          ...(mistyped && { codeProblem: { problem: 'mistyped', group: 3 } }),
        };
      }
      case 'vault.verify':
        return {
          generation: 12,
          compartments: [
            { name: 'secrets', generation: 12, entries: 2 },
            { name: 'work', generation: 4 },
          ],
        };
      case 'log.tail': {
        const { after } = parameters as { after: number };
        const lines = logLines(begun).filter(({ sequence }) => sequence > after);
        return { lines, newest: 9 };
      }
      case 'bundle.make':
        return { files: bundleFiles };
      case 'bundle.save':
        return { saved: true };
      case 'capture.state':
        return capture;
      case 'capture.begin': {
        const { side, seconds } = parameters as { side: 'adapter' | 'wire'; seconds: number };
        const startedAt = Date.now();
        capture = {
          ...{ state: 'running', side, path: '/home/user/Downloads/sealnic-adapter.pcapng', startedAt },
          ...{ endsAt: startedAt + seconds * 1000, bytes: 1_412_992, packets: 1207 },
        };
        return { begun: true };
      }
      case 'capture.end':
        if (capture.state === 'running') {
          capture = { ...capture, state: 'ended', endsAt: Date.now(), droppedPackets: 0 };
        }
        return {};
      case 'setup.check':
        return setupState(scenario, dismissed);
      case 'setup.mend':
        return { outcome: 'dismissed' };
      case 'setup.dismissTray':
        dismissed = true;
        return {};
      case 'doctor.check':
        return { findings };
      case 'doctor.repair':
        return { repaired: [{ code: 'change-file', path: '/etc/resolv.conf' }], findings: [] };
      case 'terminal.information':
        return terminal;
      case 'verdicts.tail': {
        const last = Math.floor((Date.now() - begun) / 200) + 40;
        const { after } = parameters as { after: number };
        return { samples: verdicts(last, Math.min(40, last - after), Date.now()) };
      }
      default:
        return {};
    }
  };
  const emit = (name: EventName, value: unknown) => {
    for (const listener of listeners.get(name) ?? []) listener(value as never);
  };
  const invoke = async (name: CommandName, parameters: unknown): Promise<Answer> => {
    asked.push({ name, parameters });
    try {
      return { ok: true, value: answer(name, parameters as never) };
    } catch (failure) {
      return { ok: false, failure };
    }
  };
  return {
    asked,
    stateOf: (other) => serviceState(other, Date.now()),
    emit,
    invoke: invoke as SealnicBridge['invoke'],
    on: (name, listener) => {
      const of = listeners.get(name) ?? new Set();
      listeners.set(name, of.add(listener as (value: never) => void));
      return () => of.delete(listener as (value: never) => void);
    },
  };
}

function recoveryCode(): Uint8Array {
  return new TextEncoder().encode('4QXP8-0TKMA-9CDEZ-HJ3VB-7R2WN-5GSY1-K0M4C-ZT8QE');
}

/** The counters run on, at a pace that changes. */
function moved(state: ServiceState, milliseconds: number): ServiceState {
  if (state.service !== 'present') return state;
  const seconds = milliseconds / 1000;
  const bytes = seconds * 900_000 + Math.sin(seconds / 4) * 2_000_000 + 2_000_000;
  const connections = state.status.connections.map((connection) => {
    const { details } = connection;
    if (details === undefined || connection.state !== 'connected') return connection;
    const counters = {
      ...details.counters,
      bytesIn: details.counters.bytesIn + Math.round(bytes),
      bytesOut: details.counters.bytesOut + Math.round(bytes / 5),
    };
    const roundTripMilliseconds = 18 + 6 * Math.sin(seconds / 3);
    const roundTripAt = Date.now();
    return { ...connection, details: { ...details, counters, roundTripMilliseconds, roundTripAt } };
  });
  return { ...state, status: { ...state.status, connections } };
}
