// How the service is started: the arguments of its process. Whoever starts one (the CLI, the systemd unit, the demo, a
// test) and the service itself agree on them here. Everything else about a service is in its configuration file.
import { parseArgs } from 'node:util';

export const defaultControlPath = '/run/sealnic/control.sock';

export interface ServiceOptions {
  /** undefined: the file that SEALNIC_CONFIGURATION names, else /etc/sealnic/service.toml. */
  readonly configurationPath: string | undefined;
  /** Profiles to bring up at the start. */
  readonly up: readonly string[];
  /** Profile files beside those of the directory. One that is missing or not valid fails the start. */
  readonly profileFiles: readonly string[];
  /** `sealnic gateway FILE`: a further profile file, of role "gateway", brought up at the start. */
  readonly gateway?: string;
  /**
   * 'run' serves until SIGTERM or SIGINT. 'check' and 'repair' are for a computer whose service is dead: they print
   * the result of doctor.check or doctor.repair as one line of JSON and end.
   */
  readonly task: 'run' | 'check' | 'repair';
}

/** An argument that is unknown or incomplete, or names a file that cannot be used; the message says which. */
export class ServiceOptionError extends Error {
  override readonly name = 'ServiceOptionError';
}

/** For a usage text: option and meaning. */
export const serviceOptionHelp: readonly { option: string; help: string }[] = [
  { option: '--config', help: 'configuration file of the service (/etc/sealnic/service.toml)' },
  { option: '--up', help: 'profile to connect at the start; may be repeated' },
  { option: '--profile', help: 'file of a further profile; may be repeated' },
];

/** Reads the arguments of the service's process. Throws ServiceOptionError. */
export function parseServiceOptions(processArguments: readonly string[]): ServiceOptions {
  try {
    const { values } = parseArgs({
      args: [...processArguments],
      options: {
        config: { type: 'string' },
        up: { type: 'string', multiple: true },
        profile: { type: 'string', multiple: true },
        gateway: { type: 'string' },
        check: { type: 'boolean' },
        repair: { type: 'boolean' },
      },
      strict: true,
    });
    return {
      configurationPath: values.config,
      up: values.up ?? [],
      profileFiles: values.profile ?? [],
      ...(values.gateway !== undefined && { gateway: values.gateway }),
      task: values.repair === true ? 'repair' : values.check === true ? 'check' : 'run',
    };
  } catch (error) {
    throw new ServiceOptionError(error instanceof Error ? error.message : String(error));
  }
}
