// A SealNIC service of the demo with everything of its own (socket, profiles, state), and a client of its endpoint.
import { writeFileSync } from 'node:fs';
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
  const configuration = `${directory}/service.toml`;
  writeFileSync(configuration, configurationText(directory, control));
  const service = startService(namespace, `${directory}/service.log`, ['--config', configuration]);
  const client = await connect(service, control);
  return {
    client,
    stop: async () => {
      client.close();
      await service.stop();
    },
  };
}

function configurationText(directory: string, control: string): string {
  return `[service]
control_socket = "${control}"
profile_directory = "${directory}/profiles"
state_directory = "${directory}/state"
filter = "${directory}/filter.toml"
`;
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
