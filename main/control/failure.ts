// Why something failed, as a code with its parameters. Clients put words to it (main/cli/words.ts); nothing else
// crosses the control endpoint as an error.
import { z } from 'zod';
import { cardProblemCodes } from './card-values.ts';
import { messageSchema } from './messages.ts';
import { promptKinds } from './prompt-values.ts';
import { vaultProblems } from './vault-values.ts';

/** What the exit code of the `sealnic` command means. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  noService: 3,
  refused: 4,
  authenticationFailed: 5,
  gatewayUnreachable: 6,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What the gateway said against name and password. */
export const passwordProblems = [
  'wrong-password',
  'account-disabled',
  'password-expired',
  'not-permitted',
  'no-common-method',
  'server-unproven',
] as const;
export type PasswordProblem = (typeof passwordProblems)[number];

/**
 * Why a connection is not (or no longer) up. The first group is the IKE engine's own (IkeFailure in
 * main/engine/ike/contract.ts, which is assignable to this), the second the service's.
 */
export const failureSchema = z.discriminatedUnion('code', [
  z.object({ code: z.literal('requested') }),
  z.object({ code: z.literal('no-answer'), milliseconds: z.number() }),
  z.object({ code: z.literal('dead-peer') }),
  z.object({ code: z.literal('deleted-by-peer') }),
  z.object({
    code: z.literal('authentication-failed'),
    /** EAP's reason, where it gave one. */
    problem: z.enum(passwordProblems).optional(),
  }),
  z.object({
    code: z.literal('peer-authentication-failed'),
    problem: z.enum([
      'untrusted',
      'expired',
      'not-yet-valid',
      'key-usage',
      'name-mismatch',
      'bad-signature',
      'malformed',
      'wrong-psk',
      'wrong-identity',
    ]),
    detail: z.string().optional(),
  }),
  z.object({ code: z.literal('no-proposal-chosen'), layer: z.enum(['ike', 'esp']) }),
  z.object({ code: z.literal('selectors-unacceptable') }),
  z.object({ code: z.literal('no-address-assigned') }),
  z.object({
    code: z.literal('secret-missing'),
    name: z.string().optional(),
    kind: z.enum(['psk', 'private-key', 'certificate', 'authority']).optional(),
  }),
  z.object({ code: z.literal('signing-failed'), detail: z.string().optional() }),
  z.object({ code: z.literal('invalid-message'), detail: z.string() }),
  z.object({ code: z.literal('refused-by-peer'), notify: z.string() }),
  z.object({ code: z.literal('replaced') }),

  /** What the service asked was cancelled by whoever was asked, or not answered in time. */
  z.object({ code: z.literal('prompt-cancelled'), kind: z.enum(promptKinds) }),
  z.object({ code: z.literal('prompt-timed-out'), kind: z.enum(promptKinds) }),

  /** What the connection needs lies in a vault that is locked. */
  z.object({ code: z.literal('vault-locked'), vault: z.string(), compartment: z.string() }),
  /** The medium with the vault that the connection needs is out; or it was taken out. */
  z.object({ code: z.literal('medium-removed'), vault: z.string() }),
  z.object({ code: z.literal('vault-rolled-back'), vault: z.string(), detail: z.string() }),
  z.object({
    code: z.literal('vault-problem'),
    vault: z.string(),
    problem: z.enum(vaultProblems),
    detail: z.string(),
  }),
  /** The card that the profile needs is not in; `reader`: what there is instead. */
  z.object({
    code: z.literal('card-missing'),
    reader: z.enum(['no-library', 'no-service', 'no-reader', 'ready']),
  }),
  /** Taken out while the connection was up: its keys are wiped, and what it protects stays shut. */
  z.object({ code: z.literal('card-removed') }),
  /** The PIN is blocked. */
  z.object({ code: z.literal('card-blocked') }),
  z.object({ code: z.literal('card-failed'), problem: z.enum(cardProblemCodes), detail: z.string() }),

  z.object({ code: z.literal('name-not-resolved'), name: z.string() }),
  /** The computer has no route to the gateway. */
  z.object({ code: z.literal('no-network') }),
  /** The virtual adapter could not be made or died. */
  z.object({ code: z.literal('adapter-failed'), detail: z.string() }),
  /** Addresses, routes, DNS or firewall could not be set. */
  z.object({ code: z.literal('network-failed'), detail: z.string() }),
  /** Links or addresses changed; the connection is being made anew. */
  z.object({ code: z.literal('network-changed') }),
  /** The gateway is silent, and the network answers in the place of others. `url`: where to sign in, where it said so. */
  z.object({ code: z.literal('captive-portal'), url: z.string().optional() }),
  /** The computer slept, and the gateway knew nothing of the connection any more. */
  z.object({ code: z.literal('woke-up'), sleptSeconds: z.number() }),
  /** Only after agreement: what the gateway carries, or the address that it assigned, is another connection's. */
  z.object({
    code: z.literal('networks-overlap'),
    other: z.string(),
    prefixes: z.array(z.string()),
  }),
  z.object({ code: z.literal('address-taken'), other: z.string(), address: z.string() }),
  z.object({ code: z.literal('defaults-differ'), other: z.string() }),
  z.object({ code: z.literal('service-stopping') }),
  z.object({ code: z.literal('unexpected'), detail: z.string() }),
]);
export type Failure = z.infer<typeof failureSchema>;

export const profileProblemSchema = z.object({
  line: z.number().int().optional(),
  column: z.number().int().optional(),
  /** Dotted, e.g. "gateway.address". */
  key: z.string().optional(),
  problem: messageSchema,
});
export type ProfileProblem = z.infer<typeof profileProblemSchema>;

export const rights = ['observe', 'control', 'administer'] as const;
export type Right = (typeof rights)[number];

/** Why an answer was not taken; the prompt stays open. */
export const promptRefusals = ['not-yours', 'last-try', 'empty', 'pin-pad', 'card-expected'] as const;
export type PromptRefusal = (typeof promptRefusals)[number];

/** Why a call failed. */
export const controlFailureSchema = z.discriminatedUnion('code', [
  z.object({ code: z.literal('connection-failed'), profile: z.string(), failure: failureSchema }),
  z.object({
    code: z.literal('refused'),
    method: z.string(),
    right: z.enum(rights),
    owner: z.number().optional(),
  }),
  z.object({ code: z.literal('invalid-request'), method: z.string(), detail: z.string() }),
  z.object({ code: z.literal('unknown-method'), method: z.string() }),
  /** A limit of the endpoint: too many connections, requests or bytes. */
  z.object({ code: z.literal('too-much'), limit: messageSchema }),
  z.object({ code: z.literal('not-supported'), feature: z.string() }),
  z.object({ code: z.literal('internal'), detail: z.string() }),
  z.object({ code: z.literal('stopping') }),

  z.object({ code: z.literal('profile-not-found'), profile: z.string(), known: z.array(z.string()) }),
  z.object({ code: z.literal('profile-exists'), profile: z.string() }),
  z.object({ code: z.literal('profile-in-use'), profile: z.string() }),
  z.object({ code: z.literal('profile-invalid'), name: z.string(), problems: z.array(profileProblemSchema) }),
  z.object({ code: z.literal('import-unsupported'), problem: profileProblemSchema }),
  /** The file has several connections: which shall be imported? */
  z.object({ code: z.literal('import-choice'), connections: z.array(z.string()) }),
  z.object({ code: z.literal('passphrase-needed') }),
  z.object({ code: z.literal('passphrase-wrong') }),
  z.object({ code: z.literal('not-connected'), profile: z.string() }),
  /** No captive portal is known to stand between the connection and its gateway. */
  z.object({ code: z.literal('no-portal'), profile: z.string() }),
  /** The sign-in page claims to lie where the profile protects: no way beside the tunnel leads there. */
  z.object({ code: z.literal('portal-shielded'), profile: z.string(), host: z.string() }),
  /** Another gateway of ours stands in the way. */
  z.object({ code: z.literal('connection-exists'), profile: z.string() }),
  /** `other` is up and protects these already (the first of them). */
  z.object({
    code: z.literal('networks-overlap'),
    profile: z.string(),
    other: z.string(),
    prefixes: z.array(z.string()),
  }),
  z.object({
    code: z.literal('address-taken'),
    profile: z.string(),
    other: z.string(),
    address: z.string(),
  }),
  /** They state different defaults for what no row matches. */
  z.object({ code: z.literal('defaults-differ'), profile: z.string(), other: z.string() }),
  /** A gateway of ours must be up before `other`, whose sockets cannot answer. */
  z.object({ code: z.literal('gateway-first'), profile: z.string(), other: z.string() }),

  z.object({ code: z.literal('row-invalid'), field: z.string(), problem: messageSchema }),
  z.object({ code: z.literal('row-not-found'), id: z.string() }),
  /** Comes from a profile or is built in. */
  z.object({ code: z.literal('row-not-removable'), id: z.string(), origin: z.string() }),
  z.object({ code: z.literal('association-not-found'), spi: z.string() }),
  z.object({ code: z.literal('secret-not-found'), name: z.string() }),
  z.object({ code: z.literal('secret-invalid'), name: z.string(), problem: messageSchema }),
  z.object({ code: z.literal('name-not-resolved'), name: z.string() }),
  z.object({ code: z.literal('vault-not-found'), vault: z.string(), known: z.array(z.string()) }),
  z.object({
    code: z.literal('compartment-not-found'),
    vault: z.string(),
    compartment: z.string(),
    known: z.array(z.string()),
  }),
  z.object({ code: z.literal('vault-locked'), vault: z.string(), compartment: z.string() }),
  /** It is an older copy than the service has seen: until an administrator accepts it. */
  z.object({ code: z.literal('vault-rolled-back'), vault: z.string(), detail: z.string() }),
  z.object({
    code: z.literal('vault-problem'),
    vault: z.string(),
    problem: z.enum(vaultProblems),
    detail: z.string(),
  }),
  /** The client's own: the user's keychain. */
  z.object({ code: z.literal('keychain-unusable'), detail: z.string() }),
  /** It was answered, cancelled or has expired. */
  z.object({ code: z.literal('prompt-not-found') }),
  z.object({ code: z.literal('prompt-refused'), reason: z.enum(promptRefusals) }),
  /** Of a call that asked for something. */
  z.object({ code: z.literal('prompt-cancelled'), kind: z.enum(promptKinds) }),
  z.object({ code: z.literal('prompt-timed-out'), kind: z.enum(promptKinds) }),

  z.object({
    code: z.literal('card-problem'),
    problem: z.enum(cardProblemCodes),
    detail: z.string(),
    triesLeft: z.number().int().optional(),
  }),

  /** Made by the client itself. */
  z.object({ code: z.literal('no-service'), path: z.string(), detail: z.string() }),
  z.object({ code: z.literal('connection-lost'), path: z.string() }),
  z.object({ code: z.literal('server-not-trusted'), path: z.string(), detail: z.string() }),
  z.object({ code: z.literal('file-not-written'), path: z.string(), detail: z.string() }),
  z.object({ code: z.literal('bad-answer'), method: z.string(), detail: z.string() }),
]);
export type ControlFailure = z.infer<typeof controlFailureSchema>;

/** What both sides throw: the service's handlers to refuse, the client's `call` to report. */
export class ControlError extends Error {
  readonly failure: ControlFailure;

  constructor(failure: ControlFailure) {
    super(`control: ${failure.code}`);
    this.name = 'ControlError';
    this.failure = failure;
  }
}

/** Which exit code a failure ends the command with. */
export function exitCodeOf(failure: ControlFailure): ExitCode {
  switch (failure.code) {
    case 'connection-failed':
      return exitCodeOfConnection(failure.failure);
    case 'no-service':
    case 'connection-lost':
      return exitCodes.noService;
    case 'refused':
    case 'server-not-trusted':
      return exitCodes.refused;
    case 'prompt-refused':
      return failure.reason === 'not-yours' ? exitCodes.refused : exitCodes.failed;
    case 'card-problem':
    case 'prompt-cancelled':
    case 'prompt-timed-out':
    case 'vault-locked':
      return exitCodes.authenticationFailed;
    default:
      return exitCodes.failed;
  }
}

function exitCodeOfConnection(failure: Failure): ExitCode {
  switch (failure.code) {
    case 'authentication-failed':
    case 'peer-authentication-failed':
    case 'secret-missing':
    case 'signing-failed':
    case 'card-missing':
    case 'card-removed':
    case 'card-blocked':
    case 'card-failed':
    case 'prompt-cancelled':
    case 'prompt-timed-out':
    case 'vault-locked':
    case 'medium-removed':
    case 'vault-rolled-back':
    case 'vault-problem':
      return exitCodes.authenticationFailed;
    case 'no-answer':
    case 'dead-peer':
    case 'name-not-resolved':
    case 'no-network':
    case 'woke-up':
    case 'captive-portal':
      return exitCodes.gatewayUnreachable;
    default:
      return exitCodes.failed;
  }
}
