// Protected destinations stay shut from `up` to the user's `down`, whatever happens to the service in between. The sniffer
// on the link is the judge; with the tunnel off it does see what it looks for.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from './lab/command.ts';
import { takeSnapshot } from './lab/office.ts';
import { skipUnless } from './lab/requirements.ts';
import { sealnicProgram } from './lab/sealnic.ts';
import { clearFrames, Stage } from './lab/stage.ts';
import { answersPing, exerciseTunnel, NumberedTraffic, ping } from './lab/traffic.ts';

const kills = 50;

describe('fail closed', { skip: skipUnless() }, () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
    await stage.prepare({ profile: { top: ['retry = true'] } });
  });
  after(async () => await stage?.close());

  test('the positive control: with the tunnel off the sniffer sees it', async () => {
    const sniffer = await stage.sniff();
    await ping(stage.office.terminal, stage.office.hostAddress);
    assert.ok(clearFrames(await sniffer.stop()).length >= 6);
  });

  test(`killed ${kills} times under traffic: not one protected packet in the clear`, async () => {
    const { terminal, hostAddress } = stage.office;
    const before = await takeSnapshot(terminal);
    await stage.client.up('office');
    const sniffer = await stage.sniff();
    const numbered = await NumberedTraffic.start(terminal, hostAddress, 1000);
    const others = [
      terminal.start(['ping', '-n', '-q', '-i', '0.02', hostAddress]),
      terminal.start([process.execPath, '-e', trickle(hostAddress)]),
    ];
    let connections = 0;
    try {
      for (let round = 0; round < kills; round += 1) {
        // Each kill meets the service in another phase of its life: starting, agreeing, connected.
        await stage.client.kill();
        await pause(round % 5 === 0 ? 150 : 0);
        if (round % 10 !== 9) {
          stage.client.spawnService();
          await pause((round * 137) % 1100);
          continue;
        }
        await stage.client.startService();
        await until('the connection', 30_000, connected);
        connections += 1;
      }
      const report = await numbered.stop();
      assert.ok(report.inbound.received > 0);
      assert.equal(connections, kills / 10);
      await exerciseTunnel(terminal, hostAddress, 1);
    } catch (error) {
      throw stage.explained(error);
    } finally {
      await Promise.all(others.map((each) => each.stop('SIGKILL')));
    }
    const frames = await sniffer.stop();
    assert.deepEqual(clearFrames(frames), []);
    assert.ok(frames.filter((frame) => frame.kind === 'esp-in-udp').length > 1000);
    await stage.client.down('office');
    await stage.assertAsBefore(before);
  });

  test('while the service is dead: protected destinations are shut, the local network is open', async () => {
    const { terminal, hostAddress, gatewayAddress } = stage.office;
    const before = await takeSnapshot(terminal);
    await stage.client.up('office');
    await stage.client.kill();
    try {
      const sniffer = await stage.sniff();
      assert.equal(await answersPing(terminal, hostAddress), false, 'protected');
      assert.equal(await answersPing(terminal, gatewayAddress), true, 'local network');
      assert.deepEqual(clearFrames(await sniffer.stop()), []);
    } finally {
      await stage.client.startService();
    }
    await until('the connection', 30_000, connected);
    await ping(terminal, hostAddress);
    await stage.client.down('office');
    await stage.assertAsBefore(before);
  });

  test('after a kill, `doctor --repair` without a service gives the computer back', async () => {
    const { terminal, hostAddress } = stage.office;
    const before = await takeSnapshot(terminal);
    await stage.client.up('office');
    await stage.client.kill();
    assert.equal(await answersPing(terminal, hostAddress), false);
    await terminal.run(
      [process.execPath, sealnicProgram, '--control', stage.client.controlSocket, 'doctor', '--repair'],
      { environment: { SEALNIC_CONFIGURATION: stage.client.configurationFile } },
    );
    await stage.assertAsBefore(before);
    await stage.client.startService();
    // Given up: the next service does not take the connection up again.
    assert.equal(await stage.client.connection('office'), undefined);
    await stage.assertAsBefore(before);
  });

  test('while the gateway does not answer, protected destinations are shut', async () => {
    const { terminal, hostAddress } = stage.office;
    const before = await takeSnapshot(terminal);
    stage.gateway.signal('SIGSTOP');
    try {
      const sniffer = await stage.sniff();
      await stage.client.run(['up', 'office', '--no-wait']);
      assert.equal(await answersPing(terminal, hostAddress), false);
      assert.equal((await stage.client.connection('office'))?.protectedTraffic, 'blocked');
      assert.deepEqual(clearFrames(await sniffer.stop()), []);
    } finally {
      stage.gateway.signal('SIGCONT');
    }
    await until('the connection', 30_000, connected);
    await stage.client.down('office');
    await stage.assertAsBefore(before);
  });

  async function connected(): Promise<true | undefined> {
    const outcome = await stage.client.attempt(['status', '--json']);
    if (outcome.code !== 0) return undefined;
    return /"state": ?"connected"/.test(outcome.stdout) ? true : undefined;
  }
});

/** TCP connections that outlive the adapter: the system goes on sending for them from the virtual address. */
function trickle(address: string): string {
  return (
    "const { connect } = require('node:net'); const sockets = [];" +
    ` setInterval(() => { const socket = connect(5001, '${address}');` +
    " socket.on('error', () => {}); socket.write('PUT 1000000000\\n'); sockets.push(socket); }, 1000);" +
    ' setInterval(() => { for (const socket of sockets) if (socket.writable) socket.write(Buffer.alloc(500)); }, 20);'
  );
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
