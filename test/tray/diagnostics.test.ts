// The text for a report has states and codes, and nothing that says who or where a person is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagnosticsText } from '../../main/tray/diagnostics.ts';
import type { AppInformation } from '../../main/tray/ipc.ts';
import { connectedStatus, statusOf } from '../control/fake-service.ts';

const information: AppInformation = {
  version: '0.1.0',
  electronVersion: '45.4.1',
  platform: 'linux',
  systemLanguage: 'en',
  language: 'ja',
  controlPath: '/home/alice/control.sock',
  trayAvailable: true,
  startAtLoginSupported: true,
  updateCheckSupported: true,
};

test('what is in it, and what is not', () => {
  const text = diagnosticsText({
    information,
    state: {
      service: 'present',
      status: statusOf(connectedStatus({ failure: { code: 'name-not-resolved', name: 'vpn.example.org' } })),
      profiles: [{ name: 'office', role: 'client', authentication: 'psk', state: 'connected' }],
    },
    findings: [
      {
        code: 'forwarding-off',
        severity: 'warning',
        message: { code: 'tun-device-missing', reason: '192.0.2.7' },
        repairable: false,
      },
    ],
    now: new Date(0),
  });
  for (const expected of [
    'SealNIC 0.1.0, 1970-01-01T00:00:00.000Z',
    'app: Electron 45.4.1, linux, language ja, tray yes',
    'failure name-not-resolved',
    'IKE aes-256-gcm-16 / hmac-sha2-384 / curve25519',
    'dropped: policy-discard: 12',
    'doctor: warning: forwarding-off',
  ]) {
    assert.ok(text.includes(expected), `${expected} in ${text}`);
  }
  assert.doesNotMatch(text, /alice|office|example|192\.0\.2|198\.51|10\.\d+\.\d+|fd00/);
});

test('without the service it says so', () => {
  const text = diagnosticsText({
    information,
    state: { service: 'away', controlPath: '/x' },
    findings: undefined,
    now: new Date(0),
  });
  assert.match(text, /^service: away$/m);
  assert.match(text, /^doctor: not asked$/m);
});
