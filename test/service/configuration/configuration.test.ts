// The service's configuration: defaults, files, and what a person is told about a wrong one.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfiguration, parseConfiguration } from '../../../main/service/configuration/configuration.ts';
import { InvalidFileError } from '../../../main/service/configuration/problem.ts';
import { straight } from '../../words.ts';

function problemsOf(text: string): string[] {
  try {
    parseConfiguration(text, 'service.toml');
  } catch (error) {
    assert.ok(error instanceof InvalidFileError);
    return straight(error.message).split('\n');
  }
  return [];
}

test('an empty file gives every default', () => {
  assert.deepEqual(parseConfiguration(''), {
    source: '/etc/sealnic/service.toml',
    pkcs11: { modules: [], user: 'nobody', environment: {}, piv: false },
    controlSocket: '/run/sealnic/control.sock',
    profileDirectory: '/etc/sealnic/profiles',
    stateDirectory: '/var/lib/sealnic',
    credentialDirectory: '/var/lib/sealnic/credentials',
    journal: '/var/lib/sealnic/journal',
    filter: '/etc/sealnic/filter.toml',
    logLevel: 'info',
    controlGroup: 'sealnic',
    promptTimeoutMilliseconds: 120_000,
    cards: true,
    interfaceName: 'sealnic0',
    mark: 0x5ea1,
    routingTable: 0x5ea1,
    rulePriority: 1225,
    firewallTable: 'sealnic',
    portalQuestions: [
      { url: 'http://nmcheck.gnome.org/check_network_status.txt', text: 'NetworkManager is online' },
      { url: 'http://detectportal.firefox.com/success.txt', text: 'success' },
    ],
    ports: { ike: 500, natTraversal: 4500, local: 0 },
  });
});

test('everything can be set, and what depends on the state directory follows it', () => {
  const configuration = parseConfiguration(`
[service]
control_socket = "/run/second/control.sock"
profile_directory = "/etc/second/profiles"
state_directory = "/var/lib/second"
filter = "/etc/second/filter.toml"
log_level = "debug"
control_group = "staff"
[network]
interface = "second0"
mark = 0x77
routing_table = 119
rule_priority = 77
firewall_table = "second"
[ports]
ike = 1500
nat_traversal = 14500
local = 40000
`);
  assert.equal(configuration.controlSocket, '/run/second/control.sock');
  assert.equal(configuration.credentialDirectory, '/var/lib/second/credentials');
  assert.equal(configuration.journal, '/var/lib/second/journal');
  assert.equal(configuration.mark, 0x77);
  assert.equal(configuration.interfaceName, 'second0');
  assert.equal(configuration.controlGroup, 'staff');
  assert.deepEqual(configuration.ports, { ike: 1500, natTraversal: 14500, local: 40000 });
});

test('all that is wrong is told at once, in the order of the file', () => {
  assert.deepEqual(
    problemsOf(`[service]
log_level = "loud"
state_directory = "relative"
control_sockets = "/x"

[network]
mark = 0
routing_table = 254
interface = "much-too-long-for-linux"
port = 1

[ports]
local = "any"
`),
    [
      'service.toml:2:1: service.log_level: should be one of "error", "warning", "info", "debug", not "loud"',
      'service.toml:3:1: service.state_directory: should be an absolute path, not "relative"',
      'service.toml:4:1: service.control_sockets: is not known here; did you mean "control_socket"?',
      'service.toml:7:1: network.mark: should be at least 1',
      'service.toml:8:1: network.routing_table: may not be 253, 254 or 255: the system uses them',
      'service.toml:9:1: network.interface: should be an interface name of at most 15 characters, not "much-too-long-for-linux"',
      'service.toml:10:1: network.port: is not known here; known are interface, mark, routing_table, rule_priority, firewall_table',
      'service.toml:13:1: ports.local: should be a number, not "any"',
    ],
  );
});

test('a key in the wrong table is told where it belongs', () => {
  assert.deepEqual(problemsOf('[service]\nmark = 7\n'), [
    'service.toml:2:1: service.mark: belongs in the table [network]',
  ]);
});

test('a syntax error has its place', () => {
  assert.deepEqual(problemsOf('[service]\nlog_level = \n'), [
    'service.toml:2:12: a value is missing after "="',
  ]);
});

test('a key named __proto__ is an unknown key and changes no object', () => {
  const problems = problemsOf('__proto__.polluted = 1\n[service.__proto__]\npolluted = 1\n');
  assert.equal(problems.length, 2);
  assert.match(problems.join('\n'), /__proto__: is not known here/);
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test('deep nesting and huge files end with a message', () => {
  assert.match(problemsOf(`a = ${'['.repeat(100_000)}`)[0]!, /service\.toml/);
  assert.match(problemsOf('#'.repeat(300 * 1024))[0]!, /larger than 256 KiB/);
});

test('the option goes before the variable, the variable before the default; only the default may be absent', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealnic-configuration-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const byOption = join(directory, 'option.toml');
  const byVariable = join(directory, 'variable.toml');
  writeFileSync(byOption, '[network]\nmark = 1\n');
  writeFileSync(byVariable, '[network]\nmark = 2\n');
  const environment = { SEALNIC_CONFIGURATION: byVariable };
  assert.equal(loadConfiguration(byOption, environment).mark, 1);
  assert.equal(loadConfiguration(undefined, environment).mark, 2);
  assert.throws(
    () => loadConfiguration(join(directory, 'none.toml'), {}),
    /none\.toml: cannot be read \(ENOENT\)/,
  );
  assert.throws(() => loadConfiguration(directory, {}), /EISDIR/);
});

test('captive portals: not looked for where that is switched off, and only over plain HTTP', () => {
  const read = (text: string) => parseConfiguration(`[captive_portal]\n${text}`).portalQuestions;
  assert.deepEqual(read('detect = false'), []);
  const own = [{ url: 'http://192.0.2.80/check' }];
  assert.deepEqual(read('questions = [{ url = "http://192.0.2.80/check" }]'), own);
  assert.throws(() => read('questions = [{ url = "https://192.0.2.80/check" }]'), InvalidFileError);
  assert.throws(() => read('questions = [{ url = "nonsense" }]'), InvalidFileError);
});
