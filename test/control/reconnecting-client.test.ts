// The tray's client: there when the service is, waiting longer and longer when it is not.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ReconnectingClient } from '../../main/control/reconnecting-client.ts';
import type { Status } from '../../main/control/values.ts';
import { startEndpoint } from '../../main/service/endpoint/endpoint.ts';
import type { EndpointLimits } from '../../main/service/endpoint/limits.ts';
import { rightsFrom } from '../../main/service/endpoint/rights.ts';
import { connectedStatus, FakeService, statusOf } from './fake-service.ts';

test('it follows a service that comes, goes and comes again', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reconnect-'));
  const path = join(directory, 'control.sock');
  const waits: { callback: () => void; milliseconds: number }[] = [];
  const heard: (Status | undefined)[] = [];
  let notify: () => void = () => undefined;
  const next = async (count: number) => {
    while (heard.length < count) {
      await new Promise<void>((resolve) => {
        notify = resolve;
      });
    }
    return heard[count - 1];
  };
  const client = new ReconnectingClient(
    { path },
    {
      status(status) {
        heard.push(status);
        notify();
      },
    },
    (callback, milliseconds) => {
      waits.push({ callback, milliseconds });
      return () => undefined;
    },
  );
  try {
    for (const [index, milliseconds] of [250, 500, 1000, 2000, 4000, 5000, 5000].entries()) {
      assert.equal(await next(index + 1), undefined);
      assert.equal(waits[index]?.milliseconds, milliseconds);
      if (index < 6) waits[index]?.callback();
    }
    const api = new FakeService();
    const first = await serve(path, api);
    waits.at(-1)?.callback();
    assert.equal((await next(8))?.connections[0]?.state, 'connected');
    assert.equal((await client.client?.call('service.version', {}))?.version, '0.1.0');
    api.setStatus(statusOf(connectedStatus({ state: 'reconnecting' })));
    assert.equal((await next(9))?.connections[0]?.state, 'reconnecting');

    await first.close();
    assert.equal(await next(10), undefined);
    assert.equal(client.client, undefined);
    assert.equal(waits.at(-1)?.milliseconds, 250, 'after a success it begins anew');
    const second = await serve(path, new FakeService());
    waits.at(-1)?.callback();
    assert.equal((await next(11))?.connections[0]?.state, 'connected');

    client.close();
    await second.close();
    assert.equal(heard.length, 11, 'closed: it says nothing more');
    assert.equal(waits.length, 8);
  } finally {
    client.close();
    rmSync(directory, { recursive: true });
  }
});

test('a service that turns it away is tried again, once for each time', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reconnect-'));
  const path = join(directory, 'control.sock');
  const service = await serve(path, new FakeService(), { connectionsOfRoot: 0, connectionsPerUser: 0 });
  const waits: number[] = [];
  const thrice = Promise.withResolvers<void>();
  const client = new ReconnectingClient({ path }, { status: () => undefined }, (callback, milliseconds) => {
    waits.push(milliseconds);
    if (waits.length < 3) callback();
    else thrice.resolve();
    return () => undefined;
  });
  await thrice.promise;
  client.close();
  await service.close();
  rmSync(directory, { recursive: true });
  assert.deepEqual(waits, [250, 500, 1000]);
});

function serve(path: string, api: FakeService, limits: Partial<EndpointLimits> = {}) {
  const rights = rightsFrom({
    groupName: 'sealnic',
    controlGroup: () => undefined,
    listedInGroup: () => false,
    userName: () => undefined,
    standing: async () => 'no',
    hasActiveLocalSession: () => true,
    consent: async () => false,
  });
  return startEndpoint({ path, api, rights, limits, report: () => undefined });
}
