// A SealNIC service of the demo with everything of its own (socket, profiles, state), and a client of its endpoint.
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { type ControlClient, connectToService } from '../../main/control/client.ts';
import { type NamespaceName, type ServiceProcess, startService } from './helpers.ts';
import { secretName } from './profiles.ts';

export interface RunningService {
  readonly client: ControlClient;
  readonly processId: number;
  stop(): Promise<void>;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
}

const patienceMilliseconds = 30_000;
/** In a user namespace the owners of the system's own directories appear as this user. */
const unmappedUser = 65534;

export interface WithProfileOptions {
  /** Its members may connect and disconnect. */
  readonly controlGroup?: string;
}

/**
 * Starts a service with one profile ("office" on the laptop, "gateway" on the gateway) and its pre-shared key. Throws
 * with the end of its log where it does not answer.
 */
export async function startWithProfile(
  stageDirectory: string,
  name: NamespaceName,
  profile: string,
  secret: string,
  options: WithProfileOptions = {},
): Promise<RunningService> {
  const directory = `${stageDirectory}/${name}`;
  mkdirSync(`${directory}/profiles`, { recursive: true });
  writeFileSync(`${directory}/profiles/${name === 'laptop' ? 'office' : 'gateway'}.toml`, profile);
  const service = await runService(name, directory, options.controlGroup ?? 'sealnic');
  await service.client.call(
    'secrets.put',
    { name: secretName, kind: 'psk' },
    { secret: Buffer.from(secret) },
  );
  return service;
}

async function runService(
  namespace: NamespaceName,
  directory: string,
  controlGroup: string,
): Promise<RunningService> {
  const control = `${directory}/control.sock`;
  const configuration = `${directory}/service.toml`;
  writeFileSync(configuration, configurationText(directory, control, controlGroup));
  const service = startService(namespace, `${directory}/service.log`, ['--config', configuration]);
  const client = await connect(service, control);
  return {
    client,
    processId: service.processId,
    stop: async () => {
      client.close();
      await service.stop();
    },
    kill: async () => {
      client.close();
      await service.kill();
    },
  };
}

function configurationText(directory: string, control: string, controlGroup: string): string {
  return `[service]
control_socket = "${control}"
profile_directory = "${directory}/profiles"
state_directory = "${directory}/state"
filter = "${directory}/filter.toml"
control_group = "${controlGroup}"
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
      const log = service.log().trim().split('\n').slice(-25).join('\n');
      const state = over ? 'ended' : `did not answer within ${patienceMilliseconds / 1000} s`;
      throw new Error(`the service ${state}: ${log === '' ? String(error) : log}`);
    }
  }
}
