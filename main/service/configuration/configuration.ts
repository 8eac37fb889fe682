// The service's own configuration: /etc/sealnic/service.toml. Every place, port, number and name of the service can be
// set here, so that several services run side by side on one computer.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type LogLevel, logLevels } from '../../control/diagnostics-methods.ts';
import type { PortalQuestion } from '../portal-check.ts';
import { InvalidFileError } from './problem.ts';
import { readToml } from './toml.ts';

export const defaultConfigurationPath = '/etc/sealnic/service.toml';

/** Names a configuration file instead of the default one; the option --config goes before it. */
export const configurationVariable = 'SEALNIC_CONFIGURATION';

export interface ServiceConfiguration {
  /** The file that it was read from. */
  readonly source: string;
  /** Unix socket of the control endpoint. */
  readonly controlSocket: string;
  /** One TOML file a profile. */
  readonly profileDirectory: string;
  /** What the service remembers over a restart. */
  readonly stateDirectory: string;
  readonly credentialDirectory: string;
  /** Changes to the computer that are still to be undone. */
  readonly journal: string;
  /** The user's own filter rows. */
  readonly filter: string;
  readonly logLevel: LogLevel;
  /** Group whose members may connect and disconnect. */
  readonly controlGroup: string;
  /** How long a prompt waits for its answer. */
  readonly promptTimeoutMilliseconds: number;
  /** Look for smart cards. */
  readonly cards: boolean;
  /** Cards that are spoken to by a maker's module. */
  readonly pkcs11: Pkcs11Configuration;
  /** Virtual adapter; at most 15 characters. */
  readonly interfaceName: string;
  /** SO_MARK of our own packets, by which routing keeps them out of the tunnel. */
  readonly mark: number;
  readonly routingTable: number;
  readonly rulePriority: number;
  /** Name of the nftables table. */
  readonly firewallTable: string;
  /** How captive portals are looked for while a gateway is silent; empty: they are not. */
  readonly portalQuestions: readonly PortalQuestion[];
  /** UDP ports: `ike` and `natTraversal` are bound as responder only; `local` is the initiator's source, 0 ephemeral. */
  readonly ports: { readonly ike: number; readonly natTraversal: number; readonly local: number };
}

export interface Pkcs11Configuration {
  /** Absolute paths. Nothing else is ever loaded. */
  readonly modules: readonly string[];
  /** Whom the modules' processes become. */
  readonly user: string;
  /** All that the modules find in their environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** PIV cards too are spoken to by the modules, and no longer directly. */
  readonly piv: boolean;
}

/** Throws InvalidFileError. Relative paths are errors: a service has no working directory of its own. */
export function parseConfiguration(text: string, source = defaultConfigurationPath): ServiceConfiguration {
  const { service, network, ports, captive_portal, pkcs11 } = readToml(text, configurationSchema, source);
  const stateDirectory = service.state_directory;
  return {
    source,
    pkcs11,
    controlSocket: service.control_socket,
    profileDirectory: service.profile_directory,
    stateDirectory,
    credentialDirectory: service.credential_directory ?? join(stateDirectory, 'credentials'),
    journal: service.journal ?? join(stateDirectory, 'journal'),
    filter: service.filter,
    logLevel: service.log_level,
    controlGroup: service.control_group,
    promptTimeoutMilliseconds: service.prompt_timeout * 1000,
    cards: service.cards,
    interfaceName: network.interface,
    mark: network.mark,
    routingTable: network.routing_table,
    rulePriority: network.rule_priority,
    firewallTable: network.firewall_table,
    portalQuestions: captive_portal.detect ? captive_portal.questions : [],
    ports: { ike: ports.ike, natTraversal: ports.nat_traversal, local: ports.local },
  };
}

/**
 * Reads the file at `path`, else the one that SEALNIC_CONFIGURATION names, else the default one, which alone may be
 * absent. Throws InvalidFileError for a file that is missing, unreadable or wrong.
 */
export function loadConfiguration(
  path: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): ServiceConfiguration {
  const chosen = path ?? (environment[configurationVariable] || undefined);
  const file = chosen ?? defaultConfigurationPath;
  try {
    return parseConfiguration(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if (error instanceof InvalidFileError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && chosen === undefined) return parseConfiguration('', file);
    throw new InvalidFileError(file, [{ problem: { code: 'file-unreadable', reason: code ?? `${error}` } }]);
  }
}

const absolutePath = z
  .string()
  .max(4096)
  .regex(/^\/[^\0]*$/, 'absolute-path-needed');
/** sun_path of a Unix socket holds 108 bytes with the closing zero. */
const socketPath = absolutePath.refine((path) => Buffer.byteLength(path) <= 107, {
  error: 'socket-path-too-long',
});
const interfaceName = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/, 'interface-name-needed');
/** Of firewall tables and users. */
const tableName = z.string().regex(/^[a-z][a-z0-9_-]{0,30}$/, 'table-name-needed');
const plainUrl = z
  .string()
  .max(1024)
  .refine((text) => URL.canParse(text) && new URL(text).protocol === 'http:', {
    error: 'plain-http-address-needed',
  });
/** Of the GNOME and Mozilla projects, for exactly this. */
const defaultPortalQuestions = [
  { url: 'http://nmcheck.gnome.org/check_network_status.txt', text: 'NetworkManager is online' },
  { url: 'http://detectportal.firefox.com/success.txt', text: 'success' },
] as const;
const portNumber = z.number().int().min(1).max(65535);

const configurationSchema = z.strictObject({
  service: z
    .strictObject({
      control_socket: socketPath.default('/run/sealnic/control.sock'),
      profile_directory: absolutePath.default('/etc/sealnic/profiles'),
      state_directory: absolutePath.default('/var/lib/sealnic'),
      credential_directory: absolutePath.optional(),
      journal: absolutePath.optional(),
      filter: absolutePath.default('/etc/sealnic/filter.toml'),
      log_level: z.enum(logLevels).default('info'),
      control_group: z.string().min(1).max(32).default('sealnic'),
      /** Seconds. */
      prompt_timeout: z.number().min(1).max(3600).default(120),
      cards: z.boolean().default(true),
    })
    .prefault({}),
  network: z
    .strictObject({
      interface: interfaceName.default('sealnic0'),
      mark: z.number().int().min(1).max(0xffffffff).default(0x5ea1),
      /** 253 to 255 and 0 are the system's own. */
      routing_table: z
        .number()
        .int()
        .min(1)
        .max(0xffffffff)
        .refine((table) => table < 253 || table > 255, {
          error: 'routing-table-reserved',
        })
        .default(0x5ea1),
      rule_priority: z.number().int().min(1).max(32765).default(1225),
      firewall_table: tableName.default('sealnic'),
    })
    .prefault({}),
  pkcs11: z
    .strictObject({
      modules: z.array(absolutePath).max(8).default([]),
      user: tableName.default('nobody'),
      environment: z.record(z.string(), z.string().max(4096)).default({}),
      piv: z.boolean().default(false),
    })
    .prefault({}),
  captive_portal: z
    .strictObject({
      detect: z.boolean().default(true),
      questions: z
        .array(z.strictObject({ url: plainUrl, text: z.string().min(1).max(200).optional() }))
        .max(8)
        .default([...defaultPortalQuestions]),
    })
    .prefault({}),
  ports: z
    .strictObject({
      ike: portNumber.default(500),
      nat_traversal: portNumber.default(4500),
      local: z.number().int().min(0).max(65535).default(0),
    })
    .prefault({}),
});
