// The window's commands for vaults, what lies in them, and smart cards: a part of the schema in ipc.ts. Secrets cross as
// bytes, which main wipes; what the keychain keeps never comes to the window.
import { z } from 'zod';
import { keyMethods } from '../control/key-methods.ts';
import { type MethodName, type Methods, methods } from '../control/schema.ts';
import { protectorTypes } from '../control/vault-values.ts';

const done = z.object({});
const secretBytes = z.instanceof(Uint8Array).refine((bytes) => bytes.length <= 4096, 'too long');
const fileBytes = z.instanceof(Uint8Array).refine((bytes) => bytes.length <= 1024 * 1024, 'too long');

/** What the person chose; main makes the keys of the keychain and recovery codes itself. */
const protector = z.strictObject({
  type: z.enum(protectorTypes),
  label: keyMethods['keys.add-protector'].parameters.shape.protector.shape.label,
  card: keyMethods['keys.add-protector'].parameters.shape.protector.shape.card,
});
export type ChosenProtector = z.infer<typeof protector>;

const compartment = keyMethods['vault.create'].parameters.shape.compartment.extend({
  protectors: z.array(protector).min(1).max(5),
});
/** In ASCII, to be shown once; main wipes its own copy. */
const recoveryCode = z.instanceof(Uint8Array).optional();

/** What is wrong with a typed recovery code. */
export const codeProblems = ['too-long', 'too-short', 'mistyped', 'character'] as const;

const vault = keyMethods['vault.create-at'].parameters.shape;

/** A call of the service that is handed through as it is. */
function ofService<Name extends MethodName>(name: Name) {
  const { parameters, result }: Pick<Methods[Name], 'parameters' | 'result'> = methods[name];
  return { parameters, result };
}

/** Methods of the service without uploads, under the same name. */
export const keyServiceCommands = {
  'vault.list': ofService('vault.list'),
  'vault.enrol': ofService('vault.enrol'),
  'vault.close': ofService('vault.close'),
  'vault.forget': ofService('vault.forget'),
  'vault.move': ofService('vault.move'),
  'vault.verify': ofService('vault.verify'),
  'vault.rotate': ofService('vault.rotate'),
  'vault.accept': ofService('vault.accept'),
  'vault.make-default': ofService('vault.make-default'),
  'keys.list': ofService('keys.list'),
  'keys.certificate': ofService('keys.certificate'),
  'keys.remove': ofService('keys.remove'),
  'card.status': ofService('card.status'),
  'card.test': ofService('card.test'),
} as const;

export const keyCommands = {
  /** Where a vault shall lie, or the file of one that is there, chosen in the system's dialog. */
  'vault.choose-file': {
    parameters: z.strictObject({ suggestedName: z.string().min(1).max(100), existing: z.boolean() }),
    result: z.object({ path: z.string().optional() }),
  },
  /** Without a path, in the service's own folder. */
  'vault.make': {
    parameters: z.strictObject({
      name: vault.name,
      compartment,
      makeDefault: z.boolean(),
      path: vault.path.optional(),
      removable: z.boolean(),
      passphrase: secretBytes.optional(),
    }),
    result: z.object({ recoveryCode }),
  },
  /**
   * Without a recovery code: by the keychain where that has a key, else the service asks by prompts. `codeProblem`:
   * nothing was tried, since the code is mistyped (in `group`, from 1).
   */
  'vault.open': {
    parameters: z.strictObject({
      vault: vault.name,
      compartment: vault.name.optional(),
      recoveryCode: secretBytes.optional(),
    }),
    result: z.object({
      opened: z.array(z.string()),
      missing: z.array(z.string()),
      codeProblem: z.object({ problem: z.enum(codeProblems), group: z.number().optional() }).optional(),
    }),
  },
  'keys.add': {
    parameters: keyMethods['keys.add'].parameters.extend({ secret: fileBytes }),
    result: keyMethods['keys.add'].result,
  },
  'keys.add-compartment': {
    parameters: z.strictObject({ vault: vault.name, compartment, passphrase: secretBytes.optional() }),
    result: z.object({ recoveryCode }),
  },
  /** `replaces`: the id of the one that goes. */
  'keys.add-protector': {
    parameters: keyMethods['keys.add-protector'].parameters.extend({
      protector,
      passphrase: secretBytes.optional(),
    }),
    result: z.object({ recoveryCode }),
  },
  /** With its key in the user's keychain, where it has one. */
  'keys.remove-protector': {
    parameters: keyMethods['keys.remove-protector'].parameters,
    result: done,
  },
  'card.change-pin': {
    parameters: methods['card.change-pin'].parameters.extend({ pin: secretBytes }),
    result: done,
  },
  'card.unblock': {
    parameters: methods['card.unblock'].parameters.extend({ pin: secretBytes }),
    result: done,
  },
  'card.setup': {
    parameters: methods['card.setup'].parameters.extend({ managementKey: secretBytes }),
    result: methods['card.setup'].result,
  },
  'card.put-certificate': {
    parameters: methods['card.put-certificate'].parameters.extend({
      certificate: fileBytes,
      managementKey: secretBytes,
    }),
    result: methods['card.put-certificate'].result,
  },
  'card.store': {
    parameters: methods['card.store'].parameters.extend({ managementKey: secretBytes }),
    result: methods['card.store'].result,
  },
  'card.erase': {
    parameters: methods['card.erase'].parameters.extend({ managementKey: secretBytes }),
    result: done,
  },
} as const;
