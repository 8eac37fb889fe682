// How the service is started: its options with their defaults, as arguments of its process. Whoever starts one (the
// CLI, the systemd unit, the demo, a test) and the service itself agree on them here.
import { parseArgs } from 'node:util';
import { z } from 'zod';

export const defaultControlPath = '/run/sealnic/control.sock';

const number = (minimum: number, maximum: number) => z.coerce.number().int().min(minimum).max(maximum);

const optionDefinitions = {
  control: { schema: z.string().default(defaultControlPath), help: 'Unix socket of the control endpoint' },
  profiles: { schema: z.string().default('/etc/sealnic/profiles'), help: 'directory of the profiles' },
  state: {
    schema: z.string().default('/var/lib/sealnic'),
    help: 'directory of secrets, filter and journal; for the service only',
  },
  interface: { schema: z.string().max(15).default('sealnic0'), help: 'name of the virtual adapter' },
  mark: { schema: number(1, 0xffffffff).default(0x5ea1), help: "firewall mark of the service's own packets" },
  'routing-table': { schema: number(1, 0xffffffff).default(24225), help: 'routing table of the tunnel' },
  'rule-priority': { schema: number(1, 32765).default(1225), help: 'priority of its first policy rule' },
  'firewall-table': {
    schema: z
      .string()
      .regex(/^[a-z][a-z0-9_-]{0,30}$/)
      .default('sealnic'),
    help: 'nftables table',
  },
  'ike-port': { schema: number(0, 65535).default(500), help: 'IKE port, as gateway' },
  'nat-port': { schema: number(0, 65535).default(4500), help: 'IKE and ESP in UDP, as gateway' },
  group: { schema: z.string().default('sealnic'), help: 'group whose members may connect and disconnect' },
} as const;

type OptionName = keyof typeof optionDefinitions;

export interface ServiceOptions {
  readonly controlPath: string;
  readonly profileDirectory: string;
  readonly stateDirectory: string;
  readonly interfaceName: string;
  readonly mark: number;
  readonly routingTable: number;
  readonly rulePriority: number;
  readonly firewallTable: string;
  readonly ikePort: number;
  readonly natPort: number;
  readonly group: string;
  /** Profiles to bring up at the start. */
  readonly up: readonly string[];
  /** Profile files beside those of the directory (`sealnic gateway FILE`). */
  readonly profileFiles: readonly string[];
  /**
   * 'run' serves until SIGTERM or SIGINT. 'check' and 'repair' are for a computer whose service is dead: they print
   * the result of doctor.check or doctor.repair as one line of JSON and end.
   */
  readonly task: 'run' | 'check' | 'repair';
}

/** An argument that is unknown or out of bounds; the message says which. */
export class ServiceOptionError extends Error {
  override readonly name = 'ServiceOptionError';
}

/** For a usage text: option, default and meaning. */
export const serviceOptionHelp: readonly { option: string; default: string; help: string }[] = [
  ...Object.entries(optionDefinitions).map(([name, { schema, help }]) => ({
    option: `--${name}`,
    default: String(schema.parse(undefined)),
    help,
  })),
  { option: '--up', default: '', help: 'profile to connect at the start; may be repeated' },
  { option: '--profile', default: '', help: 'file of a further profile; may be repeated' },
];

/** Reads the arguments of the service's process. Throws ServiceOptionError. */
export function parseServiceOptions(processArguments: readonly string[]): ServiceOptions {
  let values: Record<string, unknown>;
  try {
    const options: Record<string, { type: 'string' | 'boolean'; multiple?: boolean }> = {
      up: { type: 'string', multiple: true },
      profile: { type: 'string', multiple: true },
      check: { type: 'boolean' },
      repair: { type: 'boolean' },
    };
    for (const name of Object.keys(optionDefinitions)) options[name] = { type: 'string' };
    values = parseArgs({ args: [...processArguments], options, strict: true }).values;
  } catch (error) {
    throw new ServiceOptionError(error instanceof Error ? error.message : String(error));
  }
  const read = <Name extends OptionName>(
    name: Name,
  ): z.output<(typeof optionDefinitions)[Name]['schema']> => {
    const result = optionDefinitions[name].schema.safeParse(values[name]);
    if (!result.success) throw new ServiceOptionError(`--${name}: ${result.error.issues[0]?.message}`);
    return result.data as z.output<(typeof optionDefinitions)[Name]['schema']>;
  };
  return {
    controlPath: read('control'),
    profileDirectory: read('profiles'),
    stateDirectory: read('state'),
    interfaceName: read('interface'),
    mark: read('mark'),
    routingTable: read('routing-table'),
    rulePriority: read('rule-priority'),
    firewallTable: read('firewall-table'),
    ikePort: read('ike-port'),
    natPort: read('nat-port'),
    group: read('group'),
    up: texts(values.up),
    profileFiles: texts(values.profile),
    task: values.repair === true ? 'repair' : values.check === true ? 'check' : 'run',
  };
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
