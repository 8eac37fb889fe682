// Whether there is a newer version: a manifest signed with Ed25519 by the key that was pinned when the app was built. It
// only tells; nothing is installed. Knows no Electron.
import { createPublicKey, verify } from 'node:crypto';
import { compare, valid } from 'semver';
import { z } from 'zod';

/** What is signed: these bytes, as they stand. Times in ISO 8601. */
const manifestSchema = z.strictObject({
  product: z.literal('sealnic'),
  version: z.string().refine((version) => valid(version) === version, 'not a version'),
  /** Rises with every manifest: an older one is refused, however well it is signed. */
  serial: z.number().int().positive(),
  issued: z.iso.datetime(),
  expires: z.iso.datetime(),
  /** Where a person reads about it. */
  page: z.url({ protocol: /^https$/ }).max(500),
});
export type UpdateManifest = z.infer<typeof manifestSchema>;

/** The file: the manifest as base64, and its signature. */
const envelopeSchema = z.strictObject({
  manifest: z.base64().max(16 * 1024),
  signature: z.base64().max(200),
});

export type UpdateRefusal = 'unreachable' | 'malformed' | 'signature' | 'expired' | 'rollback';

/** The manifest cannot be used; nothing in it was believed. */
export class UpdateCheckError extends Error {
  override readonly name = 'UpdateCheckError';
  readonly reason: UpdateRefusal;

  constructor(reason: UpdateRefusal, detail: string) {
    super(`${reason}: ${detail}`);
    this.reason = reason;
  }
}

export interface UpdateCheck {
  /** Of the manifest's file. */
  readonly url: string;
  /** Ed25519, 32 bytes as base64. */
  readonly publicKey: string;
  readonly currentVersion: string;
  /** Serial of the newest manifest that was seen; 0 at first. */
  readonly newestSerial: number;
  readonly now: Date;
  readonly fetch: typeof globalThis.fetch;
}

export interface UpdateAnswer {
  /** Undefined: this is the newest version. */
  readonly newer: { readonly version: string; readonly page: string } | undefined;
  /** To be remembered. */
  readonly serial: number;
}

const largestFile = 32 * 1024;
const longestWaitMilliseconds = 20_000;

/** Asks once. Rejects with UpdateCheckError. */
export async function checkForUpdate(check: UpdateCheck): Promise<UpdateAnswer> {
  const manifest = readManifest(await download(check), check.publicKey);
  if (Date.parse(manifest.expires) <= check.now.getTime()) {
    throw new UpdateCheckError('expired', `the manifest was good until ${manifest.expires}`);
  }
  if (manifest.serial < check.newestSerial) {
    throw new UpdateCheckError('rollback', `serial ${manifest.serial} after ${check.newestSerial}`);
  }
  const newer = compare(manifest.version, check.currentVersion) > 0;
  return {
    newer: newer ? { version: manifest.version, page: manifest.page } : undefined,
    serial: manifest.serial,
  };
}

/** Throws UpdateCheckError where the text is not a manifest that the key signed. */
export function readManifest(text: string, publicKey: string): UpdateManifest {
  const envelope = parsed(envelopeSchema, text);
  const bytes = Buffer.from(envelope.manifest, 'base64');
  if (!verify(null, bytes, keyOf(publicKey), Buffer.from(envelope.signature, 'base64'))) {
    throw new UpdateCheckError('signature', 'the manifest is not signed by the pinned key');
  }
  return parsed(manifestSchema, bytes.toString('utf8'));
}

async function download({ url, fetch }: UpdateCheck): Promise<string> {
  try {
    const response = await fetch(url, {
      redirect: 'error',
      signal: AbortSignal.timeout(longestWaitMilliseconds),
    });
    if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`);
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of response.body) {
      length += part.length;
      if (length > largestFile) throw new Error('the file is too large');
      parts.push(part);
    }
    return Buffer.concat(parts).toString('utf8');
  } catch (error) {
    throw new UpdateCheckError('unreachable', error instanceof Error ? error.message : String(error));
  }
}

function keyOf(publicKey: string) {
  const x = Buffer.from(publicKey, 'base64').toString('base64url');
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } });
}

function parsed<Schema extends z.ZodType>(schema: Schema, text: string): z.infer<Schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new UpdateCheckError('malformed', 'the file is not a manifest');
  }
}
