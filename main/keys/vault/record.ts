// The vault's record: its name and its compartments as they lie in the file. What is in a compartment is sealed; what
// stands here in the clear is signed by the compartment's own key, so that it cannot be changed by whoever has the file.
import { ed25519Verify } from '../../../native/openssl-keys.ts';
import { damaged, OctetReader, OctetWriter } from './octets.ts';
import { VaultError } from './vault-error.ts';

export const idBytes = 16;
export const maximumCompartments = 16;
export const maximumProtectors = 16;
export const maximumBodyBytes = 4 * 1024 * 1024;
export const nonceBytes = 24;
export const tagBytes = 16;
const signatureBytes = 64;
const maximumNameBytes = 64;
const maximumParameterBytes = 1024;

/** The byte of the file is the place in the list. */
export const compartmentKinds = ['ordinary', 'card'] as const;
export type CompartmentKind = (typeof compartmentKinds)[number];
export const protectorRules = ['any', 'all'] as const;
export type ProtectorRule = (typeof protectorRules)[number];
export const protectorTypes = ['passphrase', 'keychain', 'system', 'recovery', 'card'] as const;
export type ProtectorType = (typeof protectorTypes)[number];

export interface Protector {
  readonly id: Uint8Array;
  readonly type: ProtectorType;
  /** For a person: "Alice's card". */
  readonly label: string;
  /** By type; public. */
  readonly parameters: Uint8Array;
  /** The compartment's key ("any") or this protector's share of it ("all"), sealed to the protector's public key. */
  readonly sealedShare: Uint8Array;
}

/** What stands in the clear before the sealed body. */
export interface CompartmentDescription {
  readonly id: Uint8Array;
  readonly kind: CompartmentKind;
  readonly rule: ProtectorRule;
  /** The vault's generation in which the compartment was last written. */
  readonly generation: number;
  readonly name: string;
  /** Ed25519; its private half lies in the sealed body. */
  readonly signer: Uint8Array;
  readonly protectors: readonly Protector[];
}

export interface StoredCompartment extends CompartmentDescription {
  /** Authenticated with the body: everything of the compartment before its nonce. */
  readonly head: Uint8Array;
  readonly nonce: Uint8Array;
  readonly body: Uint8Array;
  /** The whole compartment as it stands in the file, its signature included. */
  readonly encoded: Uint8Array;
}

export interface VaultRecord {
  readonly name: string;
  readonly compartments: readonly StoredCompartment[];
}

/** Reads a record and checks every signature. Throws VaultError damaged or forged. */
export function parseRecord(vaultId: Uint8Array, record: Uint8Array): VaultRecord {
  const reader = new OctetReader(record);
  const name = reader.text8(maximumNameBytes);
  const count = reader.number8();
  if (count > maximumCompartments) throw damaged('it has too many compartments');
  const compartments: StoredCompartment[] = [];
  for (let index = 0; index < count; index++) {
    const encoded = reader.octets32(maximumBodyBytes + 64 * 1024);
    compartments.push(parseCompartment(vaultId, name, encoded));
  }
  reader.end();
  const ids = new Set(compartments.map(({ id }) => idText(id)));
  const names = new Set(compartments.map((compartment) => compartment.name));
  if (ids.size < count || names.size < count) throw damaged('two compartments are the same');
  return { name, compartments };
}

export function encodeRecord(name: string, compartments: readonly Uint8Array[]): Uint8Array {
  const writer = new OctetWriter().text8(name).number8(compartments.length);
  for (const encoded of compartments) writer.octets32(encoded);
  return writer.finish();
}

/** The part of a compartment that stands in the clear. */
export function encodeHead(description: CompartmentDescription): Uint8Array {
  const { id, kind, rule, generation, name, signer, protectors } = description;
  const writer = new OctetWriter()
    .octets(id)
    .number8(compartmentKinds.indexOf(kind))
    .number8(protectorRules.indexOf(rule))
    .number64(generation)
    .text8(name)
    .octets(signer)
    .number8(protectors.length);
  for (const protector of protectors) {
    writer
      .octets(protector.id)
      .number8(protectorTypes.indexOf(protector.type))
      .text8(protector.label)
      .octets16(protector.parameters)
      .octets16(protector.sealedShare);
  }
  return writer.finish();
}

/** What a compartment's key authenticates beside the body. */
export function bodyContext(vaultId: Uint8Array, vaultName: string, head: Uint8Array): Uint8Array {
  return new OctetWriter()
    .octets(Buffer.from('SealNIC vault body 1'))
    .octets(vaultId)
    .text8(vaultName)
    .octets(head)
    .finish();
}

/** What a compartment's signer signs. */
export function signedOctets(vaultId: Uint8Array, vaultName: string, unsigned: Uint8Array): Uint8Array {
  return new OctetWriter()
    .octets(Buffer.from('SealNIC vault compartment 1'))
    .octets(vaultId)
    .text8(vaultName)
    .octets(unsigned)
    .finish();
}

/** What every compartment must keep to, whoever wrote it. Throws VaultError invalid. */
export function checkProtectors(kind: CompartmentKind, types: readonly ProtectorType[]): void {
  const refuse = (why: string): never => {
    throw new VaultError('invalid', why);
  };
  if (types.length === 0) refuse('A compartment needs a protector: nobody could open it.');
  if (types.length > maximumProtectors) refuse(`A compartment has at most ${maximumProtectors} protectors.`);
  if (kind !== 'card') return;
  if (!types.includes('card')) refuse('A compartment of the kind "card" needs a card.');
  for (const type of ['keychain', 'system'] as const) {
    if (!types.includes(type)) continue;
    refuse(`A compartment of the kind "card" takes no ${type} protector: it would undo a pulled card.`);
  }
}

export function idText(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}

function parseCompartment(vaultId: Uint8Array, vaultName: string, encoded: Uint8Array): StoredCompartment {
  const reader = new OctetReader(encoded);
  const id = reader.octets(idBytes);
  const kind = oneOf(compartmentKinds, reader.number8());
  const rule = oneOf(protectorRules, reader.number8());
  const generation = reader.number64();
  const name = reader.text8(maximumNameBytes);
  const signer = reader.octets(32);
  const count = reader.number8();
  if (count > maximumProtectors) throw damaged('a compartment has too many protectors');
  const protectors: Protector[] = [];
  for (let index = 0; index < count; index++) {
    protectors.push({
      id: reader.octets(idBytes),
      type: oneOf(protectorTypes, reader.number8()),
      label: reader.text8(maximumNameBytes),
      parameters: reader.octets16(maximumParameterBytes),
      sealedShare: reader.octets16(maximumParameterBytes),
    });
  }
  const head = encoded.subarray(0, reader.offset);
  const nonce = reader.octets(nonceBytes);
  const body = reader.octets32(maximumBodyBytes + tagBytes);
  const unsigned = encoded.subarray(0, reader.offset);
  const signature = reader.octets(signatureBytes);
  reader.end();
  if (new Set(protectors.map((protector) => idText(protector.id))).size < count) {
    throw damaged('two protectors are the same');
  }
  try {
    checkProtectors(
      kind,
      protectors.map(({ type }) => type),
    );
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : 'its protectors');
  }
  if (!ed25519Verify(signer, signedOctets(vaultId, vaultName, unsigned), signature)) {
    throw new VaultError('forged', `The compartment "${name}" was changed by somebody who may not.`);
  }
  return { id, kind, rule, generation, name, signer, protectors, head, nonce, body, encoded };
}

function oneOf<Value>(values: readonly Value[], index: number): Value {
  const value = values[index];
  if (value === undefined) throw damaged('a code is unknown');
  return value;
}
