// A capture into a file that the person chose: counted, ended by time, by the person, by the service, or by a full disk.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { CaptureListener } from '../../main/control/client.ts';
import { ControlError } from '../../main/control/failure.ts';
import { CaptureDesk, type CaptureSurroundings } from '../../main/tray/capture-desk.ts';

/** Two packets and another block between them. */
const blocks = Buffer.concat([blockOf(6, 32), blockOf(5, 16), blockOf(6, 40)]);

function blockOf(type: number, length: number): Buffer {
  const block = Buffer.alloc(length);
  block.writeUInt32LE(type, 0);
  block.writeUInt32LE(length, 4);
  return block;
}

function deskOf(t: TestContext, changes: Partial<CaptureSurroundings> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'capture-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'a.pcapng');
  const world = { now: 1000, stops: 0, listener: undefined as CaptureListener | undefined };
  const timers: { call: () => void; milliseconds: number; cancelled: boolean }[] = [];
  const desk = new CaptureDesk({
    start: async (_parameters, listener) => {
      world.listener = listener;
      return async () => {
        world.stops++;
        listener.ended({ stream: 1, droppedPackets: 3 });
      };
    },
    askForFile: async () => path,
    now: () => world.now,
    schedule: (call, milliseconds) => {
      const timer = { call, milliseconds, cancelled: false };
      timers.push(timer);
      return () => {
        timer.cancelled = true;
      };
    },
    ...changes,
  });
  return { desk, world, timers, path };
}

test('it runs for its time, counts packets, and the file is the user’s alone', async (t) => {
  const { desk, world, timers, path } = deskOf(t);
  assert.equal(await desk.begin('adapter', 30), true);
  world.listener?.data(blocks);
  assert.deepEqual(desk.state, {
    ...{ state: 'running', side: 'adapter', path, startedAt: 1000, endsAt: 31_000 },
    ...{ bytes: blocks.length, packets: 2 },
  });
  assert.equal(await desk.begin('wire', 30), false);
  assert.equal(timers[0]?.milliseconds, 30_000);
  world.now = 31_000;
  timers[0]?.call();
  assert.equal(desk.state.state, 'ended');
  assert.ok(desk.state.state === 'ended' && desk.state.droppedPackets === 3 && desk.state.packets === 2);
  assert.deepEqual(readFileSync(path), blocks);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('the person stops it earlier; another may begin then', async (t) => {
  const { desk, world, timers } = deskOf(t);
  await desk.begin('wire', 30);
  world.now = 2000;
  desk.end();
  assert.ok(desk.state.state === 'ended' && desk.state.endsAt === 2000);
  assert.equal(timers[0]?.cancelled, true);
  assert.equal(await desk.begin('wire', 30), true);
});

test('the service ends it, or goes away: what came after is not written', async (t) => {
  const { desk, world, path } = deskOf(t);
  await desk.begin('wire', 30);
  world.listener?.ended({ stream: 1, droppedPackets: 0, detail: 'the adapter is gone' });
  world.listener?.ended({ stream: 1, droppedPackets: 0 });
  world.listener?.data(blocks);
  assert.ok(desk.state.state === 'ended' && desk.state.detail === 'the adapter is gone');
  assert.equal(readFileSync(path).length, 0);
});

test('no place, no capture; a place that cannot be written is told; so is a refusal', async (t) => {
  const none = deskOf(t, { askForFile: async () => undefined });
  assert.equal(await none.desk.begin('wire', 30), false);
  const nowhere = deskOf(t, { askForFile: async () => '/nonexistent/a.pcapng' });
  await assert.rejects(nowhere.desk.begin('wire', 30), isFailure('file-not-written'));
  const refusal = new ControlError({ code: 'refused', method: 'capture.start', right: 'administer' });
  const refused = deskOf(t, { start: () => Promise.reject(refusal) });
  await assert.rejects(refused.desk.begin('wire', 30), isFailure('refused'));
  assert.deepEqual(refused.desk.state, { state: 'none' });
});

function isFailure(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ControlError && error.failure.code === code;
}
