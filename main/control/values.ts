// What the service tells about itself, as schemas: status, filter rows, SAs, profiles, findings. Times are milliseconds
// since 1970; addresses, prefixes and endpoints are texts; SPIs are hexadecimal texts. No key is ever part of any.
import { z } from 'zod';
import { cardSummarySchema } from './card-values.ts';
import { failureSchema, profileProblemSchema } from './failure.ts';
import { messageSchema } from './messages.ts';
import { promptSchema } from './prompt-values.ts';
import { connectionStates } from './state.ts';
import { vaultSummarySchema } from './vault-values.ts';

const instant = z.number();
const count = z.number().nonnegative();

export const countersSchema = z.object({
  packetsIn: count,
  bytesIn: count,
  packetsOut: count,
  bytesOut: count,
});
export type Counters = z.infer<typeof countersSchema>;

export const connectionStatusSchema = z.object({
  profile: z.string(),
  state: z.enum(connectionStates),
  since: instant,
  /** Why it is failed or reconnecting, or why it last ended. */
  failure: failureSchema.optional(),
  /** While it goes on trying. */
  nextAttemptAt: instant.optional(),
  /** User id of whoever opened it. */
  owner: z.number().int(),
  /** What happens to traffic that a PROTECT row covers. */
  protectedTraffic: z.enum(['sealed', 'blocked', 'clear']),
  /** The block outlives a reboot. */
  lockdown: z.boolean(),
  /** Shown to the owner and to administrators only. */
  details: z
    .object({
      gateway: z.string().optional(),
      localIdentity: z.string().optional(),
      remoteIdentity: z.string().optional(),
      /** "192.0.2.7:51812", "[2001:db8::7]:51812". */
      localEndpoint: z.string().optional(),
      remoteEndpoint: z.string().optional(),
      virtualAddresses: z.array(z.string()),
      dns: z.array(z.string()),
      /** Prefixes that are sealed. */
      protectedPrefixes: z.array(z.string()),
      /** Should be sealed, but the gateway does not carry it: not let pass either. */
      uncarriedPrefixes: z.array(z.string()).optional(),
      /** "aes-256-gcm-16 / hmac-sha2-384 / curve25519". */
      ikeProposal: z.string().optional(),
      ikeEstablishedAt: instant.optional(),
      ikeRekeyAt: instant.optional(),
      espAlgorithm: z.string().optional(),
      espEncapsulation: z.enum(['udp', 'native']).optional(),
      childRekeyAt: instant.optional(),
      /** From a request to the gateway to its answer, latest measured; and when that was. */
      roundTripMilliseconds: count.optional(),
      roundTripAt: instant.optional(),
      interfaceName: z.string().optional(),
      mtu: z.number().int().optional(),
      counters: countersSchema,
      /** Gateway: how many peers are connected. */
      peers: z.number().int().optional(),
    })
    .optional(),
});
export type ConnectionStatus = z.infer<typeof connectionStatusSchema>;

export const statusSchema = z.object({
  version: z.string(),
  startedAt: instant,
  connections: z.array(connectionStatusSchema),
  /** Packets by DropReason (main/engine/path/reasons.ts); only those above zero. */
  drops: z.record(z.string(), count),
  /** What the service waits for; each owner is told of his own only. */
  prompts: z.array(promptSchema),
  /** Those that the caller may see. */
  vaults: z.array(vaultSummarySchema),
  cards: cardSummarySchema.optional(),
});
export type Status = z.infer<typeof statusSchema>;

const actionSchema = z.enum(['PROTECT', 'BYPASS', 'DISCARD']);
const rowTextMaximum = 1024;

/** FilterRowText of main/engine/policy/row.ts, which says what the texts may be. */
export const filterRowTextSchema = z.strictObject({
  source: z.string().max(rowTextMaximum),
  destination: z.string().max(rowTextMaximum),
  protocol: z.string().max(64),
  sourcePorts: z.string().max(rowTextMaximum).optional(),
  destinationPorts: z.string().max(rowTextMaximum).optional(),
  action: actionSchema,
  /** BYPASS: the other side may begin, too. */
  allowInbound: z.boolean().optional(),
  profile: z.string().max(128).optional(),
  note: z.string().max(200).optional(),
});
export type FilterRowTextValue = z.infer<typeof filterRowTextSchema>;

export const filterRowSchema = z.object({
  id: z.string(),
  label: messageSchema,
  /** Present when the row cannot be used at present: it decides about nothing. */
  problem: messageSchema.optional(),
  /** "filter" (the user's own), "profile NAME", "built-in", "default". */
  origin: z.string(),
  action: actionSchema,
  source: z.string(),
  destination: z.string(),
  protocol: z.string(),
  sourcePorts: z.string().optional(),
  destinationPorts: z.string().optional(),
  allowInbound: z.boolean().optional(),
  profile: z.string().optional(),
  note: z.string().optional(),
  hits: z.object({ packets: count, bytes: count }),
  /** PROTECT: the SPI of the SA that serves it now. */
  spi: z.string().optional(),
  association: z.number().int().optional(),
  enforcedBy: z.enum(['engine', 'firewall']),
  removable: z.boolean(),
});
export type FilterRow = z.infer<typeof filterRowSchema>;

export const explanationSchema = z.object({
  source: z.string(),
  destination: z.string(),
  protocol: z.string(),
  sourcePort: z.number().int().optional(),
  destinationPort: z.number().int().optional(),
  action: actionSchema,
  /** What becomes of the packet now: a PROTECT row alone seals nothing. */
  outcome: z.enum([
    'sealed',
    'waits-for-agreement',
    'outside-selectors',
    'passed',
    'dropped',
    'not-in-force',
  ]),
  rowId: z.string(),
  rowLabel: messageSchema,
  origin: z.string(),
  /** Why this row decides. */
  reason: messageSchema,
  /** The rows before it, and what of the packet was not what they ask for. */
  passed: z.array(z.object({ rowId: z.string(), rowLabel: messageSchema, difference: messageSchema })),
  profile: z.string().optional(),
  spi: z.string().optional(),
  /** undefined with PROTECT and BYPASS of traffic that never enters the adapter: nobody needs to act. */
  enforcedBy: z.enum(['engine', 'firewall', 'nobody']),
});
export type Explanation = z.infer<typeof explanationSchema>;

export const lifetimeSchema = z.object({
  softSeconds: z.number().optional(),
  hardSeconds: z.number().optional(),
  softBytes: z.number().optional(),
  hardBytes: z.number().optional(),
  softPackets: z.number().optional(),
  hardPackets: z.number().optional(),
});

export const childAssociationSchema = z.object({
  profile: z.string(),
  direction: z.enum(['inbound', 'outbound']),
  spi: z.string(),
  association: z.number().int(),
  algorithm: z.string(),
  encapsulation: z.enum(['udp', 'native']),
  installedAt: instant,
  rekeyAt: instant.optional(),
  lifetime: lifetimeSchema,
  bytes: count,
  packets: count,
  /** Inbound only. */
  replayWindow: z.number().int().optional(),
  replayDrops: count.optional(),
  localSelectors: z.array(z.string()),
  remoteSelectors: z.array(z.string()),
});
export type ChildAssociation = z.infer<typeof childAssociationSchema>;

export const ikeAssociationSchema = z.object({
  profile: z.string(),
  role: z.enum(['initiator', 'responder']),
  state: z.enum(['connecting', 'established', 'rekeying', 'closing']),
  initiatorSpi: z.string(),
  responderSpi: z.string(),
  proposal: z.string(),
  localEndpoint: z.string(),
  remoteEndpoint: z.string(),
  localIdentity: z.string().optional(),
  remoteIdentity: z.string().optional(),
  natDetected: z.object({ local: z.boolean(), remote: z.boolean() }).optional(),
  establishedAt: instant.optional(),
  rekeyAt: instant.optional(),
});
export type IkeAssociation = z.infer<typeof ikeAssociationSchema>;

export const profileSummarySchema = z.object({
  name: z.string(),
  role: z.enum(['client', 'gateway']),
  gateway: z.string().optional(),
  authentication: z.enum(['psk', 'certificate', 'card', 'eap']),
  /** What happens to the protected traffic while there is no connection; absent for a gateway. */
  whenDown: z.enum(['block', 'bypass']).optional(),
  /** What is wrong first, when the file does not validate. */
  problem: profileProblemSchema.optional(),
  state: z.enum(connectionStates),
  /** Its block outlives a restart of the computer. */
  lockdown: z.boolean().optional(),
});
export type ProfileSummary = z.infer<typeof profileSummarySchema>;

export const secretKinds = ['psk', 'private-key', 'certificate', 'authority'] as const;
export const secretSummarySchema = z.object({
  name: z.string(),
  kind: z.enum(secretKinds),
  owner: z.number().int(),
  storedAt: instant,
  usedBy: z.array(z.string()),
});
export type SecretSummary = z.infer<typeof secretSummarySchema>;

export const findingSchema = z.object({
  /** Stable, e.g. "leftover-routes", "forwarding-off". */
  code: z.string(),
  severity: z.enum(['good', 'warning', 'problem']),
  message: messageSchema,
  /** What to do about it, where a repair does not mend it. */
  advice: messageSchema.optional(),
  /** What the message is about, one by one; of many the first. */
  changes: z.array(messageSchema).optional(),
  repairable: z.boolean(),
});
export type Finding = z.infer<typeof findingSchema>;

export const terminalInformationSchema = z.object({
  hostName: z.string(),
  links: z.array(
    z.object({
      name: z.string(),
      index: z.number().int(),
      mtu: z.number().int(),
      up: z.boolean(),
      loopback: z.boolean(),
      hardwareAddress: z.string().optional(),
      addresses: z.array(z.string()),
    }),
  ),
  defaultLink4: z.string().optional(),
  defaultLink6: z.string().optional(),
});
export type TerminalInformationValue = z.infer<typeof terminalInformationSchema>;

export const verdictSampleSchema = z.object({
  sequence: z.number().int(),
  at: instant,
  direction: z.enum(['outbound', 'inbound']),
  source: z.string(),
  destination: z.string(),
  protocol: z.string(),
  sourcePort: z.number().int().optional(),
  destinationPort: z.number().int().optional(),
  action: actionSchema,
  rowId: z.string().optional(),
  rowLabel: messageSchema.optional(),
  dropReason: z.string().optional(),
});
export type VerdictSample = z.infer<typeof verdictSampleSchema>;
