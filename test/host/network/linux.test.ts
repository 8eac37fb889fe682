// The network configuration against the real kernel: what it sets, and that nothing of it stays.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatAddress } from '../../../main/engine/packet/address.ts';
import { createDatagramBatch } from '../../../main/engine/packet/batch.ts';
import { openAdapter } from '../../../main/host/adapter/linux.ts';
import { openUnderlay } from '../../../main/host/underlay/linux.ts';
import { cannotRun, outcome } from '../namespace.ts';
import { createTestMemory, testRegion } from '../pump.ts';
import { failClosed, fromVirtual, gateway, inner, mark, outside, tunnel, virtual } from './configurations.ts';
import { Office } from './office.ts';

const skip = cannotRun;
const tooBig = fileURLToPath(new URL('../too_big.py', import.meta.url));
const crashed = fileURLToPath(new URL('./crashing.ts', import.meta.url));

function openTunnel(office: Office) {
  return office.laptop.within(() => openAdapter({ name: 'tun7', mtu: 1400 }, createTestMemory()));
}

test('what is removed leaves the computer exactly as it was', { skip }, async () => {
  const office = new Office();
  const before = office.snapshot();
  await office.laptop.during(async () => {
    const host = office.open();
    await host.applyFailClosed(failClosed);
    const adapter = openTunnel(office);
    await host.applyTunnel(tunnel);
    await host.applyDns({ interfaceName: 'tun7', servers: ['10.1.0.53'], searchDomains: ['office.example'] });
    assert.notEqual(office.snapshot(), before);
    assert.equal(office.laptop.run('cat /proc/sys/net/ipv4/conf/all/src_valid_mark').trim(), '1');

    const routes = office.laptop.run('ip route show table 5307');
    assert.match(
      routes,
      /^10\.1\.0\.0\/16 dev tun7 .*src 10\.9\.0\.2/m,
      'protected: from the virtual address',
    );
    assert.match(routes, /^203\.0\.113\.0\/24 dev tun7 .*src 192\.168\.5\.10/m, 'others: from the real one');
    assert.match(office.laptop.run('ip -6 route show table 5307'), /^fd10::\/16 dev tun7 src fd99::2/m);
    assert.match(office.laptop.run('ip link show tun7'), /mtu 1380/);
    assert.match(office.laptop.run('ip route get 10.1.0.1'), /dev tun7 .*src 10\.9\.0\.2/);
    assert.match(office.laptop.run(`ip route get 10.1.0.1 mark ${mark}`), /dev eth0/);
    assert.match(office.laptop.run('ip route get 192.168.5.1'), /dev eth0/);

    await host.removeDns();
    await host.removeTunnel();
    adapter.close();
    await host.removeFailClosed();
  });
  assert.equal(office.snapshot(), before);
  assert.equal(readFileSync(office.options.journal, 'utf8'), '');
});

test('protected destinations stay shut before, with and after the adapter', { skip }, async () => {
  const office = new Office();
  for (const address of [inner[4], inner[6]]) {
    assert.equal(office.reaches(address), true, `positive control: ${address} is reached in the clear`);
  }
  const open = [office.seen(inner[4]), office.seen(inner[6])];
  assert.equal(
    open.every((packets) => packets > 0),
    true,
    'and the sniffer sees it',
  );
  await office.laptop.during(async () => {
    const host = office.open();
    await host.applyFailClosed(failClosed);
    const shut = () => {
      for (const family of [4, 6] as const) {
        assert.equal(office.misses(inner[family]), true);
        assert.equal(office.misses(inner[family], '-I eth0'), true);
        assert.equal(office.reaches(outside[family]), true, 'what is not protected goes on');
        assert.equal(office.reaches(gateway[family], `-m ${mark}`), true);
      }
      assert.deepEqual([office.seen(inner[4]), office.seen(inner[6])], open);
    };
    shut();
    const adapter = openTunnel(office);
    await host.applyTunnel({ ...tunnel, routedPrefixes: failClosed.protectedPrefixes });
    shut();
    adapter.close();
    shut();
    // Even where somebody takes the routes away, the firewall holds; and it counts.
    office.laptop.run('ip rule del priority 5307');
    office.laptop.run('ip -6 rule del priority 5307');
    const counted = async () => (await host.readCounters()).get('fail-closed')!.packets;
    const dropped = await counted();
    shut();
    assert.equal((await counted()) > dropped, true);
    office.reaches(inner[4], `-m ${mark}`);
    assert.equal(office.seen(inner[4]), open[0]! + 1, 'marked packets are ours and leave');
    await host.removeFailClosed();
    await host.removeTunnel();
    assert.equal(office.reaches(inner[4]), true);
  });
});

test('where the last virtual address goes, the routes of what stays are there still', { skip }, async () => {
  const office = new Office();
  await office.laptop.during(async () => {
    const host = office.open();
    const adapter = openTunnel(office);
    await host.applyTunnel(tunnel);
    const [stays] = tunnel.sources;
    const source = '192.168.5.10';
    await host.applyTunnel({
      ...tunnel,
      addresses: [],
      routedPrefixes: [stays!.prefix],
      sources: [{ prefix: stays!.prefix, source }],
    });
    const routes = office.laptop.run(`ip route show table ${tunnel.routingTable}`);
    assert.match(routes, /^10\.1\.0\.0\/16 dev tun7 scope link src 192\.168\.5\.10 metric 64 *$/m);
    assert.equal(routes.trim().split('\n').length, 1, routes);
    await host.removeTunnel();
    adapter.close();
  });
});

test('nothing from the protected network, or to the virtual address, comes in by the link', {
  skip,
}, async () => {
  const office = new Office();
  await office.laptop.during(async () => {
    const host = office.open();
    await host.applyFailClosed(failClosed);
    const adapter = openTunnel(office);
    await host.applyTunnel(tunnel);
    const dropped = async () => (await host.readCounters()).get('fail-closed')!.packets;
    const start = await dropped();
    const pings = (words: string) => office.server.succeeds(`ping -n -c 1 -W 0.3 ${words}`);
    assert.equal(pings('192.168.5.10'), true, 'positive control: the link itself works');
    assert.equal(pings(virtual[4]), false);
    assert.equal(pings(virtual[6]), false);
    assert.equal(await dropped(), start + 2);
    assert.equal(pings(`-I ${inner[4]} 192.168.5.10`), false);
    assert.equal(pings(`-I ${inner[6]} 2001:db8::10`), false);
    assert.equal(await dropped(), start + 4);
    assert.equal(
      pings(`-I ${outside[4]} 192.168.5.10`),
      false,
      'routed into the adapter: no answer by the link',
    );
    await host.applyFailClosed({ ...failClosed, tappedPrefixes: ['203.0.113.0/24'] });
    pings(`-I ${outside[4]} 192.168.5.10`);
    assert.equal((await host.readCounters()).get('tapped')?.packets, 1);
    adapter.close();
    await host.undo({ keepFailClosed: false });
  });
});

const inetSocket = (name: string, address: string, port: number) => `import socket
${name} = socket.socket(socket.AF_INET6 if ":" in "${address}" else socket.AF_INET, socket.SOCK_DGRAM)
${name}.bind(("${address}", ${port}))
`;

/** Python: once a datagram has come to port 7778, says who has sent one to port 7777 before. */
const listen = (address: string) => `${inetSocket('s', address, 7777)}${inetSocket('end', address, 7778)}
end.settimeout(20); s.setblocking(False); print("up", flush=True); end.recv(99)
try: print("heard", s.recvfrom(99)[1][0])
except BlockingIOError: print("silence")`;

/** The end comes from the gateway, which is always heard. */
const send = (source: string, port: number, target: string) =>
  `${inetSocket('s', source, port)}${inetSocket('end', gateway[target.includes(':') ? 6 : 4], 499)}
s.sendto(b"x", ("${target}", 7777)); end.sendto(b"x", ("${target}", 7778))`;

test('the gateway is heard though everything is protected and the reverse path filter strict', {
  skip,
}, async () => {
  const office = new Office();
  await office.laptop.during(async () => {
    for (const link of ['all', 'eth0']) office.laptop.run(`sysctl -qw net.ipv4.conf.${link}.rp_filter=1`);
    const host = office.open();
    const everything = ['0.0.0.0/0', '::/0'];
    await host.applyFailClosed({ ...failClosed, protectedPrefixes: everything, gatewayPorts: [499] });
    const adapter = openTunnel(office);
    await host.applyTunnel({ ...tunnel, routedPrefixes: everything, sources: fromVirtual(everything) });
    const hears = async (source: string, from: number, target: string) => {
      const listener = office.laptop.start(['python3', '-c', listen(target)]);
      const ended = outcome(listener);
      await once(listener.stdout!, 'data');
      await outcome(office.server.start(['python3', '-c', send(source, from, target)]));
      return (await ended).stdout.trim().split('\n').at(-1);
    };
    assert.equal(await hears(gateway[4], 4500, '192.168.5.10'), `heard ${gateway[4]}`);
    assert.equal(await hears(gateway[6], 500, '2001:db8::10'), `heard ${gateway[6]}`);
    assert.equal(await hears(outside[4], 4500, '192.168.5.10'), 'silence');
    assert.equal(await hears(gateway[4], 4501, '192.168.5.10'), 'silence');
    assert.equal(await hears('192.168.5.1', 4501, '192.168.5.10'), 'heard 192.168.5.1', 'local network');
    await host.applyFailClosed({
      ...failClosed,
      protectedPrefixes: everything,
      gateways: [],
      underlayPorts: [7777, 7778],
    });
    assert.equal(
      await hears(outside[4], 9, '192.168.5.10'),
      `heard ${outside[4]}`,
      'a responder hears anyone',
    );
    adapter.close();
    await host.undo({ keepFailClosed: false });
  });
});

/** Python: raw ESP from each source in turn. */
const sendEsp = (sources: readonly string[], target: string) => `import socket
for source in ${JSON.stringify(sources)}:
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    s = socket.socket(family, socket.SOCK_RAW, 50)
    s.bind((source, 0)); s.sendto(b"x" * 40, ("${target}", 0))`;

test('ESP without UDP comes in from the gateway alone; to a responder, from anyone', { skip }, async () => {
  const office = new Office();
  await office.laptop.during(async () => {
    for (const link of ['all', 'eth0']) office.laptop.run(`sysctl -qw net.ipv4.conf.${link}.rp_filter=1`);
    const host = office.open();
    const everything = ['0.0.0.0/0', '::/0'];
    const shut = { ...failClosed, protectedPrefixes: everything };
    await host.applyFailClosed(shut);
    const adapter = openTunnel(office);
    await host.applyTunnel({ ...tunnel, routedPrefixes: everything, sources: fromVirtual(everything) });
    for (const [family, own] of [
      [4, '192.168.5.10'],
      [6, '2001:db8::10'],
    ] as const) {
      const memory = createTestMemory();
      const native = { port: 0, family, mark, offload: false, encapsulation: 'native' } as const;
      const underlay = openUnderlay(native, memory);
      const batch = createDatagramBatch(8);
      /** What arrives of one packet from anywhere and one from the gateway, in this order. */
      const heard = async (): Promise<string[]> => {
        const sources = [outside[family], gateway[family]];
        await outcome(office.server.start(['python3', '-c', sendEsp(sources, own)]));
        underlay.receive(batch, testRegion);
        return Array.from({ length: batch.count }, (_, index) =>
          formatAddress(underlay.remoteAt(batch.remote[index]!).address),
        );
      };
      await host.applyFailClosed(shut);
      assert.deepEqual(await heard(), [gateway[family]]);
      await host.applyFailClosed({ ...shut, gateways: [], underlayPorts: [4500], answersAnyone: true });
      assert.deepEqual(await heard(), [outside[family], gateway[family]]);
      await host.applyFailClosed({ ...shut, gateways: [] });
      assert.deepEqual(await heard(), []);
      underlay.close();
    }
    adapter.close();
    await host.undo({ keepFailClosed: false });
  });
});

test('neighbours are answered by a strict reverse path filter though the local network is shut', {
  skip,
}, async () => {
  const office = new Office();
  await office.laptop.during(async () => {
    for (const mode of [1, 2]) {
      for (const link of ['all', 'eth0']) {
        office.laptop.run(`sysctl -qw net.ipv4.conf.${link}.rp_filter=${mode}`);
      }
      const host = office.open();
      await host.applyFailClosed({
        ...failClosed,
        protectedPrefixes: ['0.0.0.0/0'],
        allowLocalNetwork: false,
      });
      for (const namespace of [office.server, office.laptop]) namespace.run('ip neigh flush dev eth0');
      office.server.succeeds('ping -n -c 1 -W 0.3 192.168.5.10');
      assert.match(office.server.run('ip neigh show 192.168.5.10'), /lladdr/, `mode ${mode}`);
      const seen = office.seen(gateway[6]);
      office.misses(gateway[6], `-m ${mark}`);
      assert.equal(office.seen(gateway[6]), seen + 1, 'IPv6 neighbours too');
      await host.removeFailClosed();
    }
  });
});

test('word of a narrow path to the gateway comes in, and no other', { skip }, async () => {
  const office = new Office();
  await office.laptop.during(async () => {
    office.laptop.run('sysctl -qw net.ipv4.conf.all.rp_filter=1');
    const host = office.open();
    for (const [family, own] of [
      [4, '192.168.5.10'],
      [6, '2001:db8::10'],
    ] as const) {
      const underlay = openUnderlay({ port: 0, family, mark, offload: true }, createTestMemory());
      const mtuTowards = (address: string) =>
        /mtu (\d+)/.exec(office.laptop.run(`ip route get ${address} mark ${mark}`))?.[1];
      const tell = (about: string, port: number, mtu: number) =>
        office.server.run(`python3 ${tooBig} ${outside[family]} ${own} ${port} ${about} ${mtu}`);
      const shut = { ...failClosed, protectedPrefixes: ['0.0.0.0/0', '::/0'], allowLocalNetwork: false };
      await host.applyFailClosed(shut);
      tell(outside[family], underlay.localPort, 1300);
      assert.equal(mtuTowards(outside[family]), undefined);
      tell(gateway[family], underlay.localPort, 1310);
      assert.equal(mtuTowards(gateway[family]), '1310');
      await host.applyFailClosed({ ...shut, gateways: [], underlayPorts: [underlay.localPort] });
      tell(inner[family], underlay.localPort, 1320);
      assert.equal(mtuTowards(inner[family]), '1320');
      underlay.close();
    }
    await host.removeFailClosed();
  });
});

test('the local network passes where the profile lets it, and only then', { skip }, async () => {
  const office = new Office();
  await office.laptop.during(async () => {
    const host = office.open();
    const everything = { ...failClosed, protectedPrefixes: ['0.0.0.0/0', '::/0'] };
    await host.applyFailClosed(everything);
    assert.equal(office.reaches('192.168.5.1'), true);
    assert.equal(
      office.reaches('2001:db8::1'),
      false,
      'a public prefix is not local, whatever the link says',
    );
    assert.equal(office.misses(outside[4]), true);
    await host.applyFailClosed({ ...everything, allowLocalNetwork: false });
    assert.equal(office.misses('192.168.5.1'), true);
    await host.applyFailClosed({ ...everything, protectedPrefixes: ['0.0.0.0/0', '192.168.5.0/25'] });
    assert.equal(office.misses('192.168.5.1'), true, 'a link cannot widen over what is protected by name');
    await host.removeFailClosed();
  });
});

test('after kill -9 it stays shut until it is taken back, and then all is as it was', { skip }, async () => {
  const office = new Office();
  const before = office.snapshot();
  const child = office.laptop.start([process.execPath, crashed, JSON.stringify(office.options)]);
  const [said] = await once(child.stdout!, 'data');
  assert.equal(`${said}`.trim(), 'up');
  assert.match(office.laptop.run('ip route get 10.1.0.1'), /dev tun7/);
  child.kill('SIGKILL');
  await once(child, 'exit');

  await office.laptop.during(async () => {
    const shut = () => {
      assert.equal(office.misses(inner[4]), true);
      assert.equal(office.misses(inner[6]), true);
      assert.deepEqual([office.seen(inner[4]), office.seen(inner[6])], [0, 0]);
    };
    shut();
    const next = office.open();
    const findings = await next.check({ inUse: false });
    assert.equal(findings.find(({ code }) => code === 'leftover-changes')?.repairable, true);
    const undone = await next.undo({ keepFailClosed: true });
    assert.equal(
      undone.some((change) => change.code === 'change-file' && change.path === office.laptop.resolverFile),
      true,
    );
    assert.equal(readFileSync(office.laptop.resolverFile, 'utf8'), 'nameserver 192.0.2.53\n');
    shut();
    // The next service takes it over, and the one after that too.
    await next.applyFailClosed(failClosed);
    shut();
    const last = office.open();
    await last.undo({ keepFailClosed: false });
    assert.equal(office.snapshot(), before);
    assert.equal(office.reaches(inner[4]), true);
    assert.deepEqual(await last.undo({ keepFailClosed: false }), [], 'nothing is left to undo');
  });
});

test('killed at any of its steps, a later process puts everything back', { skip }, async () => {
  const office = new Office();
  const before = office.snapshot();
  const tools = join(office.directory, 'tools');
  mkdirSync(tools);
  for (const tool of ['ip', 'nft']) {
    const real = execFileSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${tool}`], {
      encoding: 'utf8',
    });
    writeFileSync(
      join(tools, tool),
      `#!/bin/sh
echo call >> ${tools}/calls
[ $(wc -l < ${tools}/calls) -ge $KILL_AT ] && kill -9 $PPID
exec ${real.trim()} "$@"
`,
      { mode: 0o755 },
    );
  }
  let killed = 0;
  for (let call = 1; call < 20; call += 1) {
    writeFileSync(join(tools, 'calls'), '');
    const environment = [`PATH=${tools}:${process.env.PATH}`, `KILL_AT=${call}`];
    const child = office.laptop.start([
      'env',
      ...environment,
      process.execPath,
      crashed,
      JSON.stringify(office.options),
    ]);
    const up = await Promise.race([once(child.stdout!, 'data'), once(child, 'exit').then(() => undefined)]);
    if (up) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    } else {
      killed += 1;
    }
    // A tool that it had started ends by itself.
    while (execFileSync('ip', ['netns', 'pids', office.laptop.name]).length > 0);
    await office.laptop.during(() => office.open().undo({ keepFailClosed: false }));
    assert.equal(office.snapshot(), before, `killed at call ${call}`);
    if (up) break;
  }
  assert.equal(killed >= 4, true, `${killed} different calls`);
});

test('while prefixes change, not one packet slips through, and the counters go on', { skip }, async () => {
  const office = new Office();
  await office.laptop.during(async () => {
    const host = office.open();
    await host.applyFailClosed(failClosed);
    const pings = office.laptop.start(['ping', '-n', '-q', '-i', '0.001', inner[4]]);
    const marked = office.laptop.start(['ping', '-n', '-q', '-i', '0.001', '-I', 'eth0', inner[6]]);
    let last = 0;
    for (let round = 0; round < 10; round += 1) {
      const more = round % 2 === 0 ? [`10.${round + 2}.0.0/16`, '203.0.113.0/24'] : ['fd20::/16'];
      await host.applyFailClosed({
        ...failClosed,
        protectedPrefixes: [...failClosed.protectedPrefixes, ...more],
      });
      const { packets } = (await host.readCounters()).get('fail-closed')!;
      assert.equal(packets >= last, true);
      last = packets;
    }
    pings.kill();
    marked.kill();
    assert.deepEqual([office.seen(inner[4]), office.seen(inner[6])], [0, 0]);
    const routes = office.laptop.run('ip route show table 5307');
    assert.equal(routes.includes('10.10.0.0/16'), false, 'what is no longer protected is taken back');
    assert.equal(office.reaches(outside[4]), true);
    await host.removeFailClosed();
  });
});

test('DISCARD rows outside the tunnel are enforced in order, and counted', { skip }, async () => {
  const office = new Office();
  await office.laptop.during(async () => {
    const host = office.open();
    const everyPort = { localPorts: [], remotePorts: [], localPrefixes: [] };
    const echo = [{ first: 8 << 8, last: (8 << 8) | 0xff }];
    await host.applyFailClosed({
      ...failClosed,
      discardRows: [
        { ...everyPort, id: 'let pass', action: 'BYPASS', remotePrefixes: ['203.0.113.1/32'], protocol: 1 },
        { ...everyPort, id: 'no echo', remotePrefixes: ['203.0.113.0/24'], protocol: 1, remotePorts: echo },
        { ...everyPort, id: 'gateway6', remotePrefixes: [`${gateway[6]}/128`], protocol: undefined },
      ],
    });
    assert.equal(office.reaches(outside[4]), true);
    assert.equal(office.misses('203.0.113.2'), true);
    assert.equal(office.misses(gateway[6]), true);
    assert.equal(
      office.reaches(gateway[6], `-m ${mark}`),
      false,
      'our own packets leave; the answer is discarded',
    );
    const counters = await host.readCounters();
    assert.deepEqual(
      ['let pass', 'no echo', 'gateway6'].map((id) => counters.get(id)?.packets),
      [2, 1, 2],
    );
    await host.removeFailClosed();
    assert.equal((await host.readCounters()).size, 0);
  });
});

test('the terminal tells its links, its routes, and when they change', { skip }, async () => {
  const office = new Office();
  await office.laptop.during(async () => {
    const pending: { milliseconds: number; expired: () => void }[] = [];
    const host = office.open({
      timer: {
        start(milliseconds, expired) {
          pending.push({ milliseconds, expired });
          return () => undefined;
        },
      },
    });
    const terminal = await host.terminal();
    assert.equal(terminal.defaultLink4, 'eth0');
    assert.equal(terminal.defaultLink6, 'eth0');
    const link = terminal.links.find(({ name }) => name === 'eth0')!;
    assert.equal(link.up && !link.loopback && link.mtu === 1500, true);
    assert.equal(
      link.addresses.includes('192.168.5.10/24') && link.addresses.includes('2001:db8::10/64'),
      true,
    );
    assert.match(link.hardwareAddress!, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    assert.deepEqual(await host.routeTo(gateway[4], 0), {
      interfaceName: 'eth0',
      source: '192.168.5.10',
      mtu: 1500,
    });
    office.laptop.ip(`route add unreachable ${outside[4]}`);
    assert.equal(await host.routeTo(outside[4], 0), undefined);

    let changes = 0;
    const watch = host.watchTerminal(() => {
      changes += 1;
    });
    const changed = async (line: string) => {
      office.laptop.ip(line);
      while (pending.length === 0) await new Promise((resolve) => setImmediate(resolve));
    };
    await changed('addr add 192.168.5.11/24 dev eth0');
    office.laptop.ip('addr add 2001:db8::11/64 dev eth0', 'route add 10.55.0.0/16 via 192.168.5.1');
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      pending.map(({ milliseconds }) => milliseconds),
      [200],
      'a burst is one change',
    );
    pending.pop()!.expired();
    assert.equal(changes, 1);
    await changed('link set eth0 mtu 1400');
    pending.pop()!.expired();
    assert.equal(changes, 2);
    watch.close();
  });
});

test('the doctor finds nothing wrong where nothing is', { skip }, async () => {
  const office = new Office();
  await office.laptop.during(async () => {
    const findings = await office.open().check({ inUse: false });
    assert.deepEqual(
      findings.filter(({ severity }) => severity !== 'good'),
      [],
    );
    assert.equal(
      findings.some(({ code }) => code === 'tun-device'),
      true,
    );
  });
});
