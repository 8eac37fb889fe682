// A SealNIC service of the demo with everything of its own (socket, profiles, state), and a client of its endpoint.
import { mkdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { type ControlClient, connectToService } from '../../main/control/client.ts';
import { type NamespaceName, type ServiceProcess, startService } from './helpers.ts';

export interface RunningService {
  readonly client: ControlClient;
  stop(): Promise<void>;
}

const patienceMilliseconds = 10_000;
/** In a user namespace the owners of the system's own directories appear as this user. */
const unmappedUser = 65534;

/** Resolves when the service answers. Throws with the end of its log where it does not. */
export async function runService(namespace: NamespaceName, directory: string): Promise<RunningService> {
  const control = `${directory}/control.sock`;
  mkdirSync(`${directory}/state`, { mode: 0o700 });
  const service = startService(namespace, `${directory}/service.log`, [
    ...['--control', control],
    ...['--profiles', `${directory}/profiles`],
    ...['--state', `${directory}/state`],
  ]);
  const client = await connect(service, control);
  return {
    client,
    stop: async () => {
      client.close();
      await service.stop();
    },
  };
}

async function connect(service: ServiceProcess, path: string): Promise<ControlClient> {
  let over = false;
  service.ended.then(() => {
    over = true;
  });
  const deadline = performance.now() + patienceMilliseconds;
  for (;;) {
    try {
      return await connectToService({ path, trust: { uids: [unmappedUser] } });
    } catch (error) {
      if (!over && performance.now() < deadline) {
        await wait(20);
        continue;
      }
      const log = service.log().trim().split('\n').slice(-12).join('\n');
      const state = over ? 'ended' : `did not answer within ${patienceMilliseconds / 1000} s`;
      throw new Error(`the service ${state}: ${log === '' ? String(error) : log}`);
    }
  }
}
