// The control endpoint's contract in one place: every method with its right, parameters, uploads and result, and every
// notification. The types of both sides are derived from it (service-api.ts, client.ts).
import { z } from 'zod';
import { cardMethods } from './card-methods.ts';
import { diagnosticsMethods } from './diagnostics-methods.ts';
import type { Right } from './failure.ts';
import { profileProblemSchema } from './failure.ts';
import { filterMethods } from './filter-methods.ts';
import { keyMethods } from './key-methods.ts';
import { messageSchema } from './messages.ts';
import { presenceMethods } from './presence-methods.ts';
import { promptMethods } from './prompt-methods.ts';
import {
  childAssociationSchema,
  connectionStatusSchema,
  findingSchema,
  ikeAssociationSchema,
  profileSummarySchema,
  secretKinds,
  secretSummarySchema,
  statusSchema,
  terminalInformationSchema,
  verdictSampleSchema,
} from './values.ts';

/** Counts up when a change is not merely an addition. */
export const protocolVersion = 1;

/** What a method needs and gives. `uploads`: bytes that cross as binary frames, largest size in bytes. */
export interface MethodDefinition {
  readonly right: Right;
  readonly parameters: z.ZodObject;
  readonly uploads: Readonly<Record<string, UploadDefinition>>;
  readonly result: z.ZodType;
}

export interface UploadDefinition {
  readonly maximumBytes: number;
  readonly optional: boolean;
}

const nothing = z.strictObject({});
const none = {} as const;
const profileName = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,62}$/u, 'a profile name');
const secretName = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,126}$/u, 'a name');
const spi = z.string().regex(/^[0-9a-f]{1,16}$/, 'an SPI in hexadecimal');
const secretUpload = { maximumBytes: 64 * 1024 - 4, optional: false } as const;
const fileUpload = { maximumBytes: 1024 * 1024, optional: false } as const;

export const methods = {
  'service.version': {
    right: 'observe',
    parameters: nothing,
    uploads: none,
    result: z.object({ version: z.string(), protocol: z.number().int() }),
  },
  /** All connections; others' without their details. */
  status: { right: 'observe', parameters: nothing, uploads: none, result: statusSchema },
  /** From now on `status.changed` comes on this control connection, the first one at once. */
  'status.subscribe': { right: 'observe', parameters: nothing, uploads: none, result: z.object({}) },
  'status.unsubscribe': { right: 'observe', parameters: nothing, uploads: none, result: z.object({}) },

  /**
   * Opens a connection; it belongs to the caller. With `wait` the answer comes when it is connected, or the error
   * connection-failed when the first attempt failed. `keepTrying` overrides the profile's `retry`.
   */
  'connection.up': {
    right: 'control',
    parameters: z.strictObject({
      profile: profileName,
      wait: z.boolean(),
      keepTrying: z.boolean().optional(),
    }),
    uploads: none,
    result: connectionStatusSchema,
  },
  /** Ends it and lifts the block. Others' connections need `administer`. */
  'connection.down': {
    right: 'control',
    parameters: z.strictObject({ profile: profileName }),
    uploads: none,
    result: z.object({}),
  },
  /** Tries at once instead of after the back-off. */
  'connection.retry': {
    right: 'control',
    parameters: z.strictObject({ profile: profileName }),
    uploads: none,
    result: z.object({}),
  },
  ...presenceMethods,

  'profiles.list': {
    right: 'observe',
    parameters: nothing,
    uploads: none,
    result: z.object({ profiles: z.array(profileSummarySchema) }),
  },
  'profiles.show': {
    right: 'control',
    parameters: z.strictObject({ profile: profileName }),
    uploads: none,
    result: z.object({ profile: z.string(), text: z.string() }),
  },
  /**
   * TOML, .sswan or swanctl.conf, told apart by content and `fileName`'s ending. Stores certificates, keys and secrets
   * found in it. Of a file with several connections `connections` says which; without, the error import-choice does.
   */
  'profiles.import': {
    right: 'administer',
    parameters: z.strictObject({
      fileName: z.string().max(255),
      /** Instead of the name that the file gives. */
      name: profileName.optional(),
      replace: z.boolean(),
      connections: z.union([z.literal('all'), z.array(z.string().max(128)).min(1).max(256)]).optional(),
    }),
    uploads: { content: fileUpload, passphrase: { ...secretUpload, optional: true } },
    result: z.object({
      profiles: z.array(z.string()),
      secrets: z.array(z.string()),
      /** What the import left out, and what to do next. */
      remarks: z.array(messageSchema),
    }),
  },
  /** Says what is wrong with a file without storing it. */
  'profiles.validate': {
    right: 'observe',
    parameters: z.strictObject({ fileName: z.string().max(255) }),
    uploads: { content: fileUpload },
    result: z.object({ problems: z.array(profileProblemSchema) }),
  },
  /** Changes the profile's file in this alone; it holds from the next connection on. */
  'profiles.lockdown': {
    right: 'administer',
    parameters: z.strictObject({ profile: profileName, on: z.boolean() }),
    uploads: none,
    result: z.object({}),
  },
  'profiles.remove': {
    right: 'administer',
    parameters: z.strictObject({ profile: profileName }),
    uploads: none,
    result: z.object({}),
  },

  'sa.list': {
    right: 'control',
    parameters: nothing,
    uploads: none,
    result: z.object({ ike: z.array(ikeAssociationSchema), children: z.array(childAssociationSchema) }),
  },
  'sa.rekey': {
    right: 'administer',
    parameters: z.strictObject({ profile: profileName, layer: z.enum(['ike', 'child']) }),
    uploads: none,
    result: z.object({}),
  },
  /** A child SA with its partner, or an IKE SA with its children. */
  'sa.delete': {
    right: 'administer',
    parameters: z.strictObject({ spi }),
    uploads: none,
    result: z.object({}),
  },

  'secrets.put': {
    right: 'control',
    parameters: z.strictObject({ name: secretName, kind: z.enum(secretKinds) }),
    uploads: { secret: secretUpload },
    result: z.object({}),
  },
  'secrets.list': {
    right: 'control',
    parameters: nothing,
    uploads: none,
    result: z.object({ secrets: z.array(secretSummarySchema) }),
  },
  'secrets.remove': {
    right: 'control',
    parameters: z.strictObject({ name: secretName }),
    uploads: none,
    result: z.object({}),
  },

  ...keyMethods,

  ...filterMethods,
  ...promptMethods,
  ...cardMethods,

  /** The packets come as binary frames of pcapng on `stream`, until capture.stop or capture.ended. */
  'capture.start': {
    right: 'administer',
    parameters: z.strictObject({
      side: z.enum(['adapter', 'wire']),
      snapLength: z.number().int().min(64).max(65535),
    }),
    uploads: none,
    result: z.object({ stream: z.number().int() }),
  },
  'capture.stop': {
    right: 'administer',
    parameters: z.strictObject({ stream: z.number().int() }),
    uploads: none,
    result: z.object({}),
  },

  ...diagnosticsMethods,

  'doctor.check': {
    right: 'control',
    parameters: nothing,
    uploads: none,
    result: z.object({ findings: z.array(findingSchema) }),
  },
  /** Undoes what an earlier process left behind; what is still amiss afterwards. */
  'doctor.repair': {
    right: 'administer',
    parameters: nothing,
    uploads: none,
    result: z.object({ repaired: z.array(messageSchema), findings: z.array(findingSchema) }),
  },
  'terminal.information': {
    right: 'observe',
    parameters: nothing,
    uploads: none,
    result: terminalInformationSchema,
  },
  /** Samples of recent verdicts after a sequence number (0: all that are kept), oldest first. */
  'verdicts.tail': {
    right: 'administer',
    parameters: z.strictObject({ after: z.number().int().min(0), limit: z.number().int().min(1).max(1000) }),
    uploads: none,
    result: z.object({ samples: z.array(verdictSampleSchema) }),
  },
} as const satisfies Record<string, MethodDefinition>;

export type Methods = typeof methods;
export type MethodName = keyof Methods;
export type MethodParameters<Name extends MethodName> = z.output<Methods[Name]['parameters']>;
export type MethodResult<Name extends MethodName> = z.output<Methods[Name]['result']>;

/** The bytes that go with a call. */
export type MethodUploads<Name extends MethodName> = {
  [Key in keyof Methods[Name]['uploads']]: Methods[Name]['uploads'][Key] extends { optional: true }
    ? Buffer | undefined
    : Buffer;
};

export const notifications = {
  /** Within 200 ms of a change of state; counters alone do not raise it. */
  'status.changed': statusSchema,
  /** No more frames follow on the stream. */
  'capture.ended': z.object({
    stream: z.number().int(),
    droppedPackets: z.number(),
    detail: z.string().optional(),
  }),
} as const;

export type NotificationName = keyof typeof notifications;
export type NotificationValue<Name extends NotificationName> = z.output<(typeof notifications)[Name]>;

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(methods, name);
}
