// What the service tells about vaults: where they are, what is open, by what they can be opened. Never what is in them
// but names.
import { z } from 'zod';

/** Why a vault cannot be used; main/keys/vault/vault-error.ts has the same, with what each means. */
export const vaultProblems = [
  'missing',
  'exists',
  'unsafe',
  'too-large',
  'not-a-vault',
  'version',
  'damaged',
  'forged',
  'rolled-back',
  'duplicate',
  'signer-changed',
  'wrong-secret',
  'more-protectors',
  'locked',
  'read-only',
  'full',
  'unreadable',
  'changed',
  'invalid',
] as const;

export const protectorTypes = ['passphrase', 'keychain', 'system', 'recovery', 'card'] as const;
export const compartmentKinds = ['ordinary', 'card'] as const;
export const protectorRules = ['any', 'all'] as const;
export const keyKinds = [
  'psk',
  'password',
  'private-key',
  'certificate',
  'authority',
  'profile',
  'filter',
] as const;
export type KeyKind = (typeof keyKinds)[number];

export const protectorSummarySchema = z.object({
  /** Hexadecimal. */
  id: z.string(),
  type: z.enum(protectorTypes),
  label: z.string(),
});

export const compartmentSummarySchema = z.object({
  name: z.string(),
  kind: z.enum(compartmentKinds),
  rule: z.enum(protectorRules),
  open: z.boolean(),
  /** User id of whoever opened it. */
  openedBy: z.number().int().optional(),
  protectors: z.array(protectorSummarySchema),
});

export const vaultSummarySchema = z.object({
  /** Hexadecimal. */
  id: z.string(),
  name: z.string(),
  owner: z.number().int(),
  default: z.boolean(),
  removable: z.boolean(),
  /** Its file is within reach. */
  present: z.boolean(),
  path: z.string().optional(),
  generation: z.number().optional(),
  problem: z.object({ problem: z.enum(vaultProblems), detail: z.string() }).optional(),
  /** A connection waits for it to be opened. */
  wanted: z.boolean(),
  compartments: z.array(compartmentSummarySchema),
});
export type VaultSummary = z.infer<typeof vaultSummarySchema>;

export const keySummarySchema = z.object({
  kind: z.enum([...keyKinds, 'associations']),
  name: z.string(),
  vault: z.string(),
  compartment: z.string(),
  /** Known from when it was open last, where the compartment is locked. */
  open: z.boolean(),
  owner: z.number().int().optional(),
  storedAt: z.number().optional(),
  usedBy: z.array(z.string()),
});
export type KeySummary = z.infer<typeof keySummarySchema>;
