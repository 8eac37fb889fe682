// The network configuration for Windows, in Wine: the registry and the tables that are read are Wine's, whose links are
// those of the network namespace; the calls that change links, which Wine lacks, go to a stand-in for iphlpapi.dll.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { HostFinding, TerminalInformation } from '../../../main/host/network.ts';
import {
  WindowsComputer as Computer,
  noWindows,
  type WindowsComputer,
} from '../../fakes/windows/computer.ts';
import { cannotRun, connect, TestNamespace } from '../namespace.ts';

describe('the network configuration on Windows', { skip: noWindows || cannotRun }, () => {
  let computer: WindowsComputer;
  let program: string;
  let library: string;
  let record: string;
  let journal: string;

  before(async () => {
    const laptop = new TestNamespace('windows-laptop');
    const server = new TestNamespace('windows-server');
    connect(
      { namespace: laptop, link: 'eth0', addresses: ['192.168.5.10/24', '2001:db8::10/64'] },
      { namespace: server, link: 'eth0', addresses: ['192.168.5.1/24', '2001:db8::1/64'] },
    );
    // Windows' network card is Linux' here.
    laptop.ip('route add default via 192.168.5.1', 'tuntap add dev tun7 mode tun', 'link set tun7 up');
    computer = new Computer(laptop);
    library = computer.buildLibrary(['iphlpapi.c', 'iphlpapi.def'], 'iphlpapi-stand-in.dll');
    program = await computer.bundle(join(import.meta.dirname, '..', 'windows', 'network-program.ts'));
    await computer.install();
    record = join(computer.folder, 'asked.txt');
    journal = join(computer.folder, 'state', 'journal');
  });

  after(async () => {
    await computer.remove();
  });

  beforeEach(() => {
    for (const path of [record, `${record}.state`, journal]) rmSync(path, { force: true });
  });

  /** What each step answered. `refused`: the kind of call that the stand-in refuses. */
  async function run(steps: readonly string[], refused = ''): Promise<unknown[]> {
    const options = { journal: computer.pathOf(journal), ipHelperLibrary: computer.pathOf(library) };
    const ended = await computer.run(program, [JSON.stringify(options), ...steps], {
      SEALNIC_STANDIN_IPHLPAPI: computer.pathOf(record),
      SEALNIC_STANDIN_REFUSED: refused,
    });
    if (!steps.includes('crash')) assert.equal(ended.code, 0, `${ended.stdout}\n${ended.stderr}`);
    const lines = ended.stdout.trim().split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line)[1]);
  }

  /** Since the last question; without the interface's number, which is another one at each run. */
  function asked(): string[] {
    const lines = existsSync(record) ? readFileSync(record, 'utf8').trim().split('\n') : [];
    rmSync(record, { force: true });
    return lines.map((line) =>
      line
        .replace(/luid 18\w+/, 'loopback')
        .replace(/luid \w+/, 'tunnel')
        .replace(/guid \w+/, 'tunnel'),
    );
  }

  /** Addresses and routes that are there. */
  function present(): string[] {
    return readFileSync(`${record}.state`, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  }

  test('the terminal tells its links, and the way that stays outside of the tunnel', async () => {
    const [terminal, route, nowhere] = (await run([
      'terminal',
      'route 198.51.100.1',
      'route 2001:db8:5::1',
    ])) as [TerminalInformation, unknown, unknown];
    assert.equal(terminal.defaultLink4, 'eth0');
    const byName = new Map(terminal.links.map((link) => [link.name, link]));
    assert.deepEqual([...byName.keys()].sort(), ['eth0', 'lo', 'tun7']);
    const link = byName.get('eth0')!;
    assert.equal(link.up && !link.loopback && link.mtu === 1500 && link.index > 0, true);
    assert.match(link.hardwareAddress!, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    assert.equal(
      link.addresses.includes('192.168.5.10/24') && link.addresses.includes('2001:db8::10/64'),
      true,
    );
    assert.equal(byName.get('lo')!.loopback, true);
    assert.equal(byName.get('tun7')!.hardwareAddress, undefined);
    assert.deepEqual(route, { interfaceName: 'eth0', source: '192.168.5.10', mtu: 1500 });
    assert.equal(nowhere, null);
  });

  test('addresses, routes, MTU, metric and name servers are asked of Windows, and taken back', async () => {
    await run(['fail-closed', 'tunnel', 'another-tunnel', 'split-dns', 'remove-dns', 'remove-tunnel']);
    assert.deepEqual(asked(), [
      'add route 0a010000/16 loopback by 00000000 metric 9999 protocol 3 lifetime ffffffff: 0',
      `add route fd10${zeros(14)}/16 loopback by ${zeros(16)} metric 9999 protocol 3 lifetime ffffffff: 0`,
      'interface family 2 tunnel automatic 0 metric 0 mtu 1380 probes 0 site 0 connected 1',
      'interface family 23 tunnel automatic 0 metric 0 mtu 1380 probes 0 site 64 connected 1',
      'add address 0a090002/32 tunnel lifetime ffffffff state 4: 0',
      `add address fd99${zeros(13)}02/128 tunnel lifetime ffffffff state 4: 0`,
      'add route 0a010000/16 tunnel by 00000000 metric 0 protocol 3 lifetime ffffffff: 0',
      `add route fd10${zeros(14)}/16 tunnel by ${zeros(16)} metric 0 protocol 3 lifetime ffffffff: 0`,
      'add route cb007100/24 tunnel by 00000000 metric 0 protocol 3 lifetime ffffffff: 0',
      'interface family 2 tunnel automatic 0 metric 0 mtu 1200 probes 0 site 0 connected 1',
      'interface family 23 tunnel automatic 0 metric 0 mtu 1280 probes 0 site 64 connected 1',
      'add address 0a090003/24 tunnel lifetime ffffffff state 4: 0',
      'add route 0a010000/16 tunnel by 00000000 metric 0 protocol 3 lifetime ffffffff: 5010',
      `add route fd10${zeros(14)}/16 tunnel by ${zeros(16)} metric 0 protocol 3 lifetime ffffffff: 5010`,
      'remove route cb007100/24 tunnel by 00000000 metric 0 protocol 3 lifetime ffffffff: 0',
      `remove address fd99${zeros(13)}02/128 tunnel lifetime ffffffff state 4: 0`,
      'remove address 0a090002/32 tunnel lifetime ffffffff state 4: 0',
      'dns tunnel version 1 flags 6 servers "10.1.0.53" search "office.example,lab.example"',
      'dns tunnel version 1 flags 7 servers "fd10::53" search "office.example,lab.example"',
      'dns tunnel version 1 flags 6 servers "" search ""',
      'dns tunnel version 1 flags 7 servers "" search ""',
      'remove address 0a090003/24 tunnel lifetime ffffffff state 4: 0',
      `remove route fd10${zeros(14)}/16 tunnel by ${zeros(16)} metric 0 protocol 3 lifetime ffffffff: 0`,
      'remove route 0a010000/16 tunnel by 00000000 metric 0 protocol 3 lifetime ffffffff: 0',
    ]);
    assert.equal(present().length, 2, 'protected destinations stay shut');
    await run(['remove-fail-closed']);
    assert.deepEqual(present(), []);
    assert.equal(readFileSync(journal, 'utf8'), '');
  });

  test('names go to the tunnel by a rule in the registry, all or some, and no rule stays', async () => {
    const [, all, , some, , none] = (await run([
      'dns',
      `registry ${ruleKey}`,
      'split-dns',
      `registry ${ruleKey}`,
      'remove-dns',
      `registry ${ruleKey}`,
    ])) as Record<string, unknown>[];
    assert.deepEqual(all, {
      Version: 2,
      ConfigOptions: 8,
      Name: ['.'],
      GenericDNSServers: '10.1.0.53; fd10::53',
      Comment: '',
      DisplayName: 'SealNIC',
      IPSECCARestriction: '',
    });
    assert.deepEqual(some!.Name, ['.office.example', '.lab.example']);
    assert.equal(none, null);
  });

  test('what is on the way to everything keeps its way while all is shut', async () => {
    await run(['fail-closed-for-all']);
    assert.deepEqual(asked().slice(0, 3), [
      'add route c6336435/32 tunnel by c0a80501 metric 0 protocol 3 lifetime ffffffff: 0',
      'add route 00000000/1 loopback by 00000000 metric 9999 protocol 3 lifetime ffffffff: 0',
      'add route 80000000/1 loopback by 00000000 metric 9999 protocol 3 lifetime ffffffff: 0',
    ]);
    await run(['undo']);
    assert.deepEqual(present(), []);
  });

  test('after a crash the destinations are shut still, and a later process takes everything back', async () => {
    await run(['fail-closed', 'tunnel', 'dns', 'crash']);
    assert.equal(present().length, 7);
    const [findings, kept, , rule] = (await run([
      'check',
      'undo-but-fail-closed',
      'fail-closed',
      `registry ${ruleKey}`,
    ])) as [HostFinding[], unknown[], unknown, unknown];
    assert.deepEqual(findings.find(({ code }) => code === 'leftover-changes')?.message, {
      code: 'changes-left',
      count: 9,
    });
    assert.equal(kept.length, 7, 'five of the tunnel, name servers and their rule');
    assert.equal(rule, null);
    assert.equal(present().length, 2);
    const [undone, nothing] = await run(['undo', 'undo']);
    assert.deepEqual(undone, [
      { code: 'change-blocked-route', prefix: 'fd10::/16' },
      { code: 'change-blocked-route', prefix: '10.1.0.0/16' },
    ]);
    assert.deepEqual(nothing, []);
    assert.deepEqual(present(), []);
    assert.equal(readFileSync(journal, 'utf8'), '');
  });

  for (const [kind, step] of [
    ['address', 'tunnel'],
    ['route', 'fail-closed'],
    ['interface', 'tunnel'],
    ['dns', 'dns'],
  ] as const) {
    test(`without rights, ${step} fails with its reason and leaves nothing (${kind})`, async () => {
      const [refusal] = (await run([step], kind)) as [{ error: string; message: string }];
      assert.equal(refusal.error, 'WindowsCallError');
      assert.match(refusal.message, /failed with Windows error 5$/);
      await run(['undo']);
      assert.deepEqual(existsSync(`${record}.state`) ? present() : [], []);
      assert.equal(readFileSync(journal, 'utf8'), '');
    });
  }

  test('an adapter that is not there is named', async () => {
    assert.deepEqual(await run(['missing-tunnel']), [
      { error: 'InterfaceMissingError', message: 'There is no network interface named "tun8".' },
    ]);
    assert.equal(existsSync(journal), false, 'and nothing was begun');
  });

  test('changes are told, though Windows tells them on threads of its own', async () => {
    const [times] = await run(['watch']);
    assert.equal(times, 1, 'a burst is one change');
    assert.equal(asked().filter((line) => line.startsWith('watch')).length, 3, 'and all three watches end');
  });
});

const ruleKey =
  'SYSTEM\\CurrentControlSet\\Services\\Dnscache\\Parameters\\DnsPolicyConfig\\{ACBA12AF-9C2E-59AF-8837-B4FC78557087}';

function zeros(bytes: number): string {
  return '00'.repeat(bytes);
}
