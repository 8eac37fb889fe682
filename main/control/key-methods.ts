// The methods for vaults and what lies in them. Secrets cross as binary frames; nothing gives one out.
import { z } from 'zod';
import {
  compartmentKinds,
  keyKinds,
  keySummarySchema,
  protectorRules,
  protectorTypes,
  vaultSummarySchema,
} from './vault-values.ts';

const nothing = z.object({});
const name = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u, 'a name');
const keyName = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,126}$/u, 'a name');
const hexadecimalId = z.string().regex(/^[0-9a-f]{32}$/, 'an id in hexadecimal');
const path = z
  .string()
  .max(4096)
  .regex(/^\/[^\0]*$/, 'an absolute path');
const label = z.string().min(1).max(60);
const secretUpload = { maximumBytes: 4096, optional: true } as const;

/** The secrets by which protectors are made or opened: each protector of that type takes the one upload. */
const protectorUploads = {
  passphrase: secretUpload,
  /** 32 bytes, from the user's keychain. */
  wrappingKey: { maximumBytes: 64, optional: true },
  /** The 20 bytes of recovery-code.ts. */
  recoverySecret: { maximumBytes: 64, optional: true },
} as const;

const newProtector = z.strictObject({
  type: z.enum(protectorTypes),
  label,
  /** keychain: chosen by the client at random, to find the wrapping key by. */
  id: hexadecimalId.optional(),
  /** card: its id; absent: the only one that is in. */
  card: z.string().max(128).optional(),
});
export type NewProtectorValue = z.infer<typeof newProtector>;

const newCompartment = z.strictObject({
  name,
  kind: z.enum(compartmentKinds),
  rule: z.enum(protectorRules),
  /** At most one of each type; further ones by keys.add-protector. */
  protectors: z.array(newProtector).min(1).max(5),
});

export const keyMethods = {
  'vault.list': {
    right: 'control',
    parameters: z.strictObject({}),
    uploads: {},
    result: z.object({ vaults: z.array(vaultSummarySchema) }),
  },
  /** In the service's own folder; it belongs to the caller, and its first compartment is open. */
  'vault.create': {
    right: 'control',
    parameters: z.strictObject({ name, compartment: newCompartment, makeDefault: z.boolean() }),
    uploads: protectorUploads,
    result: z.object({ vault: hexadecimalId }),
  },
  /** The same at a path. `removable`: on a medium, by which it is known wherever that is mounted. */
  'vault.create-at': {
    right: 'administer',
    parameters: z.strictObject({
      name,
      compartment: newCompartment,
      makeDefault: z.boolean(),
      path,
      removable: z.boolean(),
    }),
    uploads: protectorUploads,
    result: z.object({ vault: hexadecimalId }),
  },
  /** A vault that was made elsewhere. What it holds now is trusted from now on. */
  'vault.enrol': {
    right: 'administer',
    parameters: z.strictObject({ path, removable: z.boolean() }),
    uploads: {},
    result: z.object({ vault: hexadecimalId }),
  },
  /** `erase`: its file too. */
  'vault.forget': {
    right: 'administer',
    parameters: z.strictObject({ vault: name, erase: z.boolean() }),
    uploads: {},
    result: nothing,
  },
  /**
   * Opens one compartment (absent: all that can be) with what was given; with nothing given, the caller is asked by
   * prompts. `opened`: their names; `missing`: further protectors that a compartment with the rule "all" needs.
   */
  'vault.open': {
    right: 'control',
    parameters: z.strictObject({
      vault: name,
      compartment: name.optional(),
      /** The protector that the upload is for. */
      protector: hexadecimalId.optional(),
    }),
    uploads: protectorUploads,
    result: z.object({ opened: z.array(z.string()), missing: z.array(z.string()) }),
  },
  'vault.close': {
    right: 'control',
    parameters: z.strictObject({ vault: name }),
    uploads: {},
    result: nothing,
  },
  /** To a path, or without one into the service's own folder. The old file is removed once the new one is durable. */
  'vault.move': {
    right: 'administer',
    parameters: z.strictObject({ vault: name, path: path.optional(), removable: z.boolean() }),
    uploads: {},
    result: z.object({ path: z.string() }),
  },
  'vault.verify': {
    right: 'control',
    parameters: z.strictObject({ vault: name }),
    uploads: {},
    result: z.object({
      generation: z.number(),
      compartments: z.array(
        z.object({ name: z.string(), generation: z.number(), entries: z.number().int().optional() }),
      ),
    }),
  },
  /** New keys for an open compartment; protectors stay as they are. */
  'vault.rotate': {
    right: 'control',
    parameters: z.strictObject({ vault: name, compartment: name }),
    uploads: {},
    result: nothing,
  },
  /** What the file holds now is taken, though it is older than, or signed otherwise than what was seen. */
  'vault.accept': {
    right: 'administer',
    parameters: z.strictObject({ vault: name }),
    uploads: {},
    result: nothing,
  },
  /** Where the secrets of an import go. Absent: into files of the service. */
  'vault.make-default': {
    right: 'administer',
    parameters: z.strictObject({ vault: name.optional() }),
    uploads: {},
    result: nothing,
  },

  'keys.list': {
    right: 'control',
    parameters: z.strictObject({}),
    uploads: {},
    result: z.object({ keys: z.array(keySummarySchema) }),
  },
  /** Into an open compartment. Authorities, profiles and filter rows are for administrators. */
  'keys.add': {
    right: 'control',
    parameters: z.strictObject({
      name: keyName,
      kind: z.enum(keyKinds),
      /** Absent: the default vault. */
      vault: name.optional(),
      /** Absent: the only open one. */
      compartment: name.optional(),
    }),
    uploads: { secret: { maximumBytes: 1024 * 1024, optional: false } },
    result: z.object({ vault: z.string(), compartment: z.string() }),
  },
  /** PEM: the only thing that comes out of a vault. */
  'keys.certificate': {
    right: 'control',
    parameters: z.strictObject({ name: keyName }),
    uploads: {},
    result: z.object({ pem: z.string() }),
  },
  'keys.remove': {
    right: 'control',
    parameters: z.strictObject({ name: keyName, vault: name.optional(), kind: z.enum(keyKinds).optional() }),
    uploads: {},
    result: nothing,
  },
  'keys.add-compartment': {
    right: 'control',
    parameters: z.strictObject({ vault: name, compartment: newCompartment }),
    uploads: protectorUploads,
    result: nothing,
  },
  /** To an open compartment. `replaces`: the id of the one that goes. */
  'keys.add-protector': {
    right: 'control',
    parameters: z.strictObject({
      vault: name,
      compartment: name,
      protector: newProtector,
      replaces: hexadecimalId.optional(),
    }),
    uploads: protectorUploads,
    result: z.object({ id: hexadecimalId }),
  },
  'keys.remove-protector': {
    right: 'control',
    parameters: z.strictObject({ vault: name, compartment: name, id: hexadecimalId }),
    uploads: {},
    result: nothing,
  },
} as const;
