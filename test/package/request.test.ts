// The arguments of `npm run package`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOrder, UsageError } from '../../build/package/request.ts';

const host = { platform: 'linux', architecture: 'x64' } as const;

test('without arguments: every format of this machine, and what cannot be built is no failure', () => {
  const { requests, named } = parseOrder([], host);
  assert.deepEqual(requests, [{ target: host, formats: ['deb', 'rpm', 'AppImage'] }]);
  assert.equal(named, false);
});

test('--dir, formats, platforms and architectures as electron-builder names them', () => {
  assert.deepEqual(parseOrder(['--dir'], host).requests, [{ target: host, formats: ['dir'] }]);
  const { requests, named } = parseOrder(['--linux', 'deb', '--win', '--x64', '--arm64'], host);
  assert.equal(named, true);
  assert.deepEqual(
    requests.map(({ target, formats }) => `${target.platform} ${target.architecture} ${formats.join('+')}`),
    ['linux x64 deb', 'linux arm64 deb', 'win32 x64 nsis', 'win32 arm64 nsis'],
  );
});

test('what is not understood is an error', () => {
  for (const given of [['deb'], ['--linux', 'nsis'], ['--package-version', '1;rm'], ['--fast']]) {
    assert.throws(() => parseOrder(given, host), UsageError, given.join(' '));
  }
});
