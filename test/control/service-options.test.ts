// The arguments of the service's process: defaults, and errors that name the option.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseServiceOptions, ServiceOptionError } from '../../main/control/service-options.ts';

test('nothing given: the defaults', () => {
  assert.deepEqual(parseServiceOptions([]), {
    configurationPath: undefined,
    up: [],
    profileFiles: [],
    task: 'run',
  });
});

test('a configuration file makes a second service possible', () => {
  const options = parseServiceOptions('--config /c.toml --up a --up b --profile x.toml --repair'.split(' '));
  assert.deepEqual(options, {
    configurationPath: '/c.toml',
    up: ['a', 'b'],
    profileFiles: ['x.toml'],
    task: 'repair',
  });
});

test('the file of a gateway', () => {
  assert.equal(parseServiceOptions(['--gateway', 'site.toml']).gateway, 'site.toml');
});

test('what is unknown or incomplete is named', () => {
  for (const wrong of [['--nonsense', '1'], ['stray'], ['--config']]) {
    assert.throws(
      () => parseServiceOptions(wrong),
      (error) => error instanceof ServiceOptionError && error.message.includes(wrong[0]!.replace(/^--/, '')),
      wrong.join(' '),
    );
  }
});
