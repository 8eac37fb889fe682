// From a validated request to the service and back: rights, ownership, uploads, and a result that says no more than the
// schema and the caller's rights allow.
import { ControlError, type Right } from '../../control/failure.ts';
import { isMethodName, type MethodName, type MethodParameters, methods } from '../../control/schema.ts';
import type { Caller, ServiceApi } from '../../control/service-api.ts';
import type { Peer, Rights } from './rights.ts';
import type { Uploads } from './uploads.ts';
import { visibleResult } from './visibility.ts';

/** What of the control connection a call may need. */
export interface CallContext {
  readonly peer: Peer;
  readonly caller: Caller;
  readonly uploads: Uploads;
  /** Aborted when the control connection ends. */
  readonly signal: AbortSignal;
}

/** Methods that concern the control connection itself and are served there. */
export type OwnMethods = (method: MethodName, parameters: unknown) => Promise<unknown> | undefined;

/** Serves one call. Throws ControlError for what the client may know; anything else is the service's own fault. */
export async function dispatch(
  api: ServiceApi,
  rights: Rights,
  context: CallContext,
  method: string,
  raw: unknown,
  ownMethods: OwnMethods,
): Promise<unknown> {
  if (!isMethodName(method)) throw new ControlError({ code: 'unknown-method', method: method.slice(0, 64) });
  const definition = methods[method];
  const { uploads: references, ...rest } = parameterObject(method, raw);
  const checked = definition.parameters.safeParse(rest);
  if (!checked.success) {
    context.uploads.release(claimQuietly(context.uploads, method, references));
    throw new ControlError({ code: 'invalid-request', method, detail: describe(checked.error.issues[0]) });
  }
  const uploads = context.uploads.claim(method, definition.uploads, references);
  try {
    await requireRight(rights, context, method, definition.right);
    await requireOwnership(api, rights, context, method, checked.data);
    const served =
      ownMethods(method, checked.data) ?? callService(api, method, checked.data, context.caller, uploads);
    const result = definition.result.safeParse(await served);
    if (!result.success) throw new Error(`${method} answered with ${describe(result.error.issues[0])}`);
    return visibleResult(method, result.data, context.caller);
  } finally {
    context.uploads.release(uploads);
  }
}

type AnyHandler = (parameters: unknown, caller: Caller, uploads: unknown) => unknown;

async function callService(
  api: ServiceApi,
  method: MethodName,
  parameters: unknown,
  caller: Caller,
  uploads: Readonly<Record<string, Buffer>>,
): Promise<unknown> {
  const handler = (api.methods as Readonly<Record<string, AnyHandler | undefined>>)[method];
  if (handler === undefined) throw new ControlError({ code: 'not-supported', feature: method });
  return await handler.call(api.methods, parameters, caller, uploads);
}

async function requireRight(
  rights: Rights,
  context: CallContext,
  method: string,
  right: Right,
): Promise<void> {
  if (!(await rights.allows(context.peer, right, context.signal))) {
    throw new ControlError({ code: 'refused', method, right });
  }
}

/** Connections and what the log says of them belong to whoever opened them; others' need `administer`. */
async function requireOwnership(
  api: ServiceApi,
  rights: Rights,
  context: CallContext,
  method: MethodName,
  parameters: unknown,
): Promise<void> {
  if (method === 'log.tail' && (parameters as MethodParameters<'log.tail'>).everything) {
    await requireRight(rights, context, method, 'administer');
  }
  if (!method.startsWith('connection.')) return;
  const owner = api.ownerOf((parameters as { profile: string }).profile);
  if (owner === undefined || owner === context.peer.uid) return;
  if (!(await rights.allows(context.peer, 'administer', context.signal))) {
    throw new ControlError({ code: 'refused', method, right: 'administer', owner });
  }
}

function parameterObject(method: string, raw: unknown): Record<string, unknown> {
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) return raw as Record<string, unknown>;
  throw new ControlError({ code: 'invalid-request', method, detail: 'parameters are an object' });
}

function claimQuietly(uploads: Uploads, method: MethodName, references: unknown): Record<string, Buffer> {
  try {
    return uploads.claim(method, methods[method].uploads, references);
  } catch {
    return {};
  }
}

function describe(issue: { path: PropertyKey[]; message: string } | undefined): string {
  if (issue === undefined) return 'something else than the schema says';
  const path = issue.path.map(String).join('.');
  return (path === '' ? issue.message : `${path}: ${issue.message}`).slice(0, 300);
}
