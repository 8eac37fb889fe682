// What may stand in a profile's TOML file, with the defaults. docs/PROFILE.md explains each key.
import { z } from 'zod';
import type { Message } from '../../control/messages.ts';
import { eapMethods } from '../../engine/ike/contract.ts';
import { parseAddress, parsePrefix } from '../../engine/packet/address.ts';
import { encodeName } from '../../keys/credentials/distinguished-name.ts';
import { filterTables } from '../configuration/filter-row.ts';
import { problemIssue } from '../configuration/schema-problems.ts';
import { IdentityTextError, parseIdentity } from './identity.ts';
import {
  formatEspProposal,
  formatIkeProposal,
  ProposalTextError,
  readEspProposals,
  readIkeProposals,
} from './proposal.ts';

/** Profile names are file names and interface labels: short, plain, in small letters. */
export const profileNamePattern = /^[a-z0-9][a-z0-9_.-]{0,31}$/;

const maximumSeconds = 30 * 86_400;
/** More do not fit in a first message that no path fragments. */
const maximumProposals = 24;

const hostOrAddress = z
  .string()
  .max(253)
  .check((context) => {
    if (parseAddress(context.value) || /^(?!-)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$/.test(context.value))
      return;
    context.issues.push(problemIssue(context.value, { code: 'host-invalid', text: context.value }));
  });
const identity = z.string().check((context) => {
  try {
    parseIdentity(context.value);
  } catch (error) {
    if (!(error instanceof IdentityTextError)) throw error;
    context.issues.push(problemIssue(context.value, error.problem));
  }
});
const credentialName = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,126}$/u, 'credential-name-needed');
const prefix = z.string().check((context) => {
  if (parsePrefix(context.value)) return;
  context.issues.push(problemIssue(context.value, prefixProblem(context.value)));
});
const address = z.string().check((context) => {
  if (parseAddress(context.value)) return;
  context.issues.push(problemIssue(context.value, { code: 'address-invalid', text: context.value }));
});
const seconds = (minimum: number) => z.number().int().min(minimum).max(maximumSeconds);
const amount = z.number().int().min(1000).max(Number.MAX_SAFE_INTEGER);

const secretAuthentication = z.strictObject({
  method: z.literal('psk'),
  secret: credentialName,
});
const certificateAuthentication = z.strictObject({
  method: z.literal('certificate'),
  certificate: credentialName,
  private_key: credentialName.optional(),
  authorities: z.array(credentialName).max(64).default([]),
});
const eapAuthentication = z.strictObject({
  method: z.literal('eap'),
  identity: z
    .string()
    .min(1)
    .max(253)
    .regex(/^[^\p{Cc}]*$/u, 'user-name-needed'),
  secret: credentialName.optional(),
  methods: z
    .array(z.enum(eapMethods))
    .min(1)
    .max(eapMethods.length)
    .default([...eapMethods]),
  authorities: z.array(credentialName).max(64).default([]),
});

const distinguishedName = z
  .string()
  .max(1024)
  .check((context) => {
    try {
      encodeName(context.value);
    } catch {
      context.issues.push(problemIssue(context.value, { code: 'name-invalid', text: context.value }));
    }
  });
const cardAuthentication = z.strictObject({
  method: z.literal('card'),
  slot: z.enum(['9a', '9c']).default('9a'),
  /** Of the certificate; left out: any. */
  subject: distinguishedName.optional(),
  issuer: distinguishedName.optional(),
  authorities: z.array(credentialName).max(64).default([]),
  pin: z.enum(['each-time', 'once']).default('each-time'),
  on_card_removal: z.enum(['disconnect', 'keep-until-reauthentication']).default('disconnect'),
  keep_hours: z.number().min(0.1).max(168).default(8),
});

/** "VAULT/COMPARTMENT" */
const vaultPlace = /^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}\/[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u;

export const profileSchema = z.strictObject({
  role: z.enum(['client', 'gateway']).default('client'),
  start: z.enum(['immediately', 'on-demand']).default('immediately'),
  retry: z.boolean().default(false),
  networks: z
    .union([z.enum(['everything', 'gateway']), z.array(prefix).min(1).max(256)], {
      error: 'networks-invalid',
    })
    .default('gateway'),
  virtual_address: z.boolean().default(true),
  dns: z.boolean().default(true),
  mtu: z.number().int().min(576).max(65_535).optional(),
  capture: z.enum(['needed', 'all']).default('needed'),
  when_down: z.enum(['block', 'bypass']).default('block'),
  lockdown: z.boolean().default(false),
  allow_local_network: z.boolean().default(true),
  default_action: z.enum(['PROTECT', 'BYPASS', 'DISCARD']).optional(),
  gateway: z
    .strictObject({
      address: hostOrAddress.optional(),
      port: z.number().int().min(1).max(65_535).default(500),
      identity: identity.optional(),
    })
    .prefault({}),
  local: z.strictObject({ identity: identity.optional() }).prefault({}),
  authentication: z.discriminatedUnion('method', [
    secretAuthentication,
    certificateAuthentication,
    cardAuthentication,
    eapAuthentication,
  ]),
  peer_authentication: z
    .strictObject({
      method: z.enum(['psk', 'certificate']).optional(),
      authorities: z.array(credentialName).max(64).optional(),
    })
    .prefault({}),
  ike: z
    .strictObject({
      proposals: proposals((text) => readIkeProposals(text).proposals.map(formatIkeProposal)),
      lifetime_seconds: seconds(10).default(4 * 3600),
      dead_peer_detection_seconds: seconds(1).default(30),
      nat_keepalive_seconds: seconds(1).default(20),
      give_up_seconds: z.number().int().min(2).max(600).default(120),
      keep_in_vault: z.string().regex(vaultPlace, 'vault-place-invalid').optional(),
    })
    .prefault({}),
  esp: z
    .strictObject({
      proposals: proposals((text) => readEspProposals(text).proposals.map(formatEspProposal)),
      lifetime_seconds: seconds(10).default(3600),
      lifetime_bytes: amount.optional(),
      lifetime_packets: amount.optional(),
      replay_window: z.number().int().min(32).max(65_536).multipleOf(32).default(1024),
      encapsulation: z.enum(['udp', 'native']).default('udp'),
    })
    .prefault({}),
  responder: z
    .strictObject({
      pool4: prefix.optional(),
      pool6: prefix.optional(),
      dns: z.array(address).max(8).default([]),
      networks: z.array(prefix).min(1).max(256).default(['0.0.0.0/0', '::/0']),
    })
    .optional(),
  filter: filterTables.default([]),
});

export type ProfileTable = z.output<typeof profileSchema>;

/** Texts are checked by reading them; what was read is made again where the profile is built. */
function proposals(read: (text: string) => readonly string[]) {
  const text = z
    .string()
    .max(200)
    .check((context) => {
      try {
        read(context.value);
      } catch (error) {
        if (!(error instanceof ProposalTextError)) throw error;
        context.issues.push(problemIssue(context.value, error.problem));
      }
    });
  const tooMany = (texts: readonly string[]): boolean =>
    texts.reduce((sum, each) => sum + countOf(each, read), 0) > maximumProposals;
  return z
    .array(text)
    .min(1)
    .max(maximumProposals)
    .check((context) => {
      if (!tooMany(context.value)) return;
      const problem = { code: 'proposals-too-many', limit: maximumProposals } as const;
      context.issues.push(problemIssue(context.value, problem));
    })
    .optional();
}

function countOf(text: string, read: (text: string) => readonly string[]): number {
  try {
    return read(text).length;
  } catch {
    return 0;
  }
}

function prefixProblem(text: string): Message {
  return { code: text.includes('/') ? 'prefix-bits' : 'prefix-invalid', text };
}
