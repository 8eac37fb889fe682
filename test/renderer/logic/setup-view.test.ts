// What the checklist of the first start shows, in every state of the computer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceState, SetupState } from '../../../main/tray/ipc.ts';
import { linesToShow, setupLines } from '../../../renderer/logic/setup-view.ts';
import { serviceState, setupState } from '../fixtures.ts';

const away: ServiceState = { service: 'away', controlPath: '/x' };

function shown(setup: SetupState, service: ServiceState): Record<string, string> {
  const lines = linesToShow(setupLines(setup, service));
  return Object.fromEntries(lines.map(({ item, state }) => [item, state]));
}

test('where the service is missing, everything is listed, and it is known which', () => {
  assert.deepEqual(shown(setupState('not-installed', false), away), {
    service: 'not-installed',
    rights: 'unknown',
    profile: 'unknown',
    tray: 'good',
  });
  assert.equal(shown(setupState('away', false), away).service, 'not-running');
});

test('without a profile everything is listed, and the tray not once it was dismissed', () => {
  const service = serviceState('no-profile', 0);
  assert.deepEqual(shown(setupState('no-profile', false), service), {
    service: 'good',
    rights: 'good',
    profile: 'missing',
    tray: 'missing',
  });
  assert.equal(shown(setupState('no-profile', true), service).tray, undefined);
});

test('where nobody may make a profile, the form is not offered', () => {
  const setup = setupState('no-profile', false);
  const rights = { ...setup.rights!, administer: 'no' as const };
  assert.equal(shown({ ...setup, rights }, serviceState('no-profile', 0)).profile, 'not-yours');
  assert.deepEqual(shown({ ...setup, rights, trayAvailable: true }, serviceState('connected', 0)), {});
});

test('a computer that can connect hears only of what is missing', () => {
  const service = serviceState('connected', 0);
  assert.deepEqual(shown(setupState('connected', false), service), {});
  assert.deepEqual(shown(setupState('no-rights', false), service), { rights: 'missing' });
  assert.deepEqual(shown({ ...setupState('connected', false), trayAvailable: false }, service), {
    tray: 'missing',
  });
});
