// Vaults, secrets and smart cards for the window: good ones, and such with everything amiss that a person may meet.
import type { CardStatus } from '../../main/control/card-values.ts';
import type { Status } from '../../main/control/values.ts';
import type { KeySummary, VaultSummary } from '../../main/control/vault-values.ts';

const day = 24 * 3600 * 1000;
const hexadecimal = (digit: string) => digit.repeat(32);

/** Of a scenario's status. */
export function keysOf(scenario: string): Pick<Status, 'vaults' | 'cards'> {
  if (scenario === 'keys') {
    const card = goodCard(0);
    return {
      vaults,
      cards: { state: 'ready', cards: [{ label: card.label, reader: card.reader, usable: true }] },
    };
  }
  if (scenario !== 'keys-amiss') return { vaults: [] };
  return {
    vaults: vaultsAmiss,
    cards: {
      state: 'ready',
      cards: cardsAmiss(0).map(({ label, reader, problem }) => ({
        label,
        reader,
        usable: problem === undefined,
      })),
    },
  };
}

const travel: VaultSummary = {
  id: hexadecimal('a'),
  name: 'Travel',
  owner: 1000,
  default: true,
  removable: false,
  present: true,
  path: '/var/lib/sealnic/vaults/6f1e0d4c8a2b9375.vault',
  generation: 12,
  wanted: false,
  compartments: [
    {
      name: 'secrets',
      kind: 'ordinary',
      rule: 'any',
      open: true,
      openedBy: 1000,
      protectors: [
        { id: hexadecimal('1'), type: 'keychain', label: 'keychain' },
        { id: hexadecimal('2'), type: 'passphrase', label: 'passphrase' },
        { id: hexadecimal('3'), type: 'recovery', label: 'recovery' },
      ],
    },
    {
      name: 'work',
      kind: 'card',
      rule: 'any',
      open: false,
      protectors: [
        { id: hexadecimal('4'), type: 'card', label: 'alice' },
        { id: hexadecimal('5'), type: 'recovery', label: 'recovery' },
      ],
    },
  ],
};

const stick: VaultSummary = {
  ...travel,
  id: hexadecimal('b'),
  name: 'Stick',
  default: false,
  removable: true,
  path: '/media/alice/STICK/sealnic.vault',
  generation: 3,
  compartments: [
    {
      name: 'secrets',
      kind: 'ordinary',
      rule: 'all',
      open: false,
      protectors: [
        { id: hexadecimal('6'), type: 'passphrase', label: 'passphrase' },
        { id: hexadecimal('7'), type: 'card', label: 'alice' },
      ],
    },
  ],
};

const vaults: VaultSummary[] = [travel, stick];

const {
  path: _path,
  generation: _generation,
  ...stickAbsent
} = { ...stick, present: false, compartments: [] };

const vaultsAmiss: VaultSummary[] = [
  {
    ...travel,
    present: false,
    compartments: [],
    problem: { problem: 'rolled-back', detail: 'generation 9 after 12' },
  },
  stickAbsent,
  {
    ...stickAbsent,
    id: hexadecimal('c'),
    name: 'Spare',
    problem: { problem: 'duplicate', detail: 'It lies on two media.' },
  },
  {
    ...travel,
    id: hexadecimal('d'),
    name: 'Laboratory',
    default: false,
    present: false,
    compartments: [],
    problem: { problem: 'damaged', detail: 'No slot is whole.' },
  },
];

export function keysIn(scenario: string, now: number): KeySummary[] {
  if (scenario !== 'keys') return [];
  const stored = {
    vault: 'Travel',
    compartment: 'secrets',
    open: true,
    owner: 1000,
    storedAt: now - 3 * day,
  };
  return [
    { ...stored, kind: 'psk', name: 'office', usedBy: ['office'] },
    { ...stored, kind: 'password', name: 'laboratory password', usedBy: [] },
    { kind: 'psk', name: 'branch', vault: 'Stick', compartment: 'secrets', open: false, usedBy: ['branch'] },
  ];
}

export function cardsIn(scenario: string, now: number): readonly CardStatus[] {
  if (scenario === 'keys') return [goodCard(now)];
  return scenario === 'keys-amiss' ? cardsAmiss(now) : [];
}

function goodCard(now: number): CardStatus {
  return {
    id: 'piv:5f1c0e2a9d3b47c8a1b2c3d4e5f60718',
    provider: 'piv',
    label: 'alice',
    reader: 'Yubico YubiKey CCID 00 00',
    pinPad: false,
    triesLeft: 3,
    keys: [
      {
        purpose: 'authentication',
        slot: '9A',
        algorithm: 'ecc-p256',
        pinPolicy: 'once',
        subject: 'CN=alice, O=Example',
        issuer: 'CN=Example CA, O=Example',
        notBefore: now - 100 * day,
        notAfter: now + 700 * day,
      },
      {
        purpose: 'key-management',
        slot: '9D',
        algorithm: 'rsa-2048',
        pinPolicy: 'once',
        subject: 'CN=alice (vaults)',
        issuer: 'CN=alice (vaults)',
        notBefore: now - 100 * day,
        notAfter: now + 12 * day,
      },
    ],
  };
}

function cardsAmiss(now: number): CardStatus[] {
  const [signing] = goodCard(now).keys;
  return [
    {
      ...goodCard(now),
      id: 'piv:0b',
      label: 'bob',
      triesLeft: 0,
      keys: [{ ...signing!, subject: 'CN=bob', notAfter: now - day }],
    },
    { ...goodCard(now), id: 'piv:0c', label: 'carol', triesLeft: 1, pinPad: true, keys: [] },
    {
      ...goodCard(now),
      id: 'other',
      label: 'Card without PIV',
      keys: [],
      problem: 'unknown-card',
      detail: 'It has no PIV application.',
    },
  ];
}
