// What of an answer a caller gets to see: others' connections without their details, one's own secrets' names only.
import type { MethodName } from '../../control/schema.ts';
import type { Caller } from '../../control/service-api.ts';
import type { SecretSummary, Status } from '../../control/values.ts';

/** Takes the part of a validated result that is the caller's to see. */
export function visibleResult(method: MethodName, result: unknown, caller: Caller): unknown {
  switch (method) {
    case 'status':
      return visibleStatus(result as Status, caller);
    case 'secrets.list':
      return { secrets: visibleSecrets((result as { secrets: SecretSummary[] }).secrets, caller) };
    default:
      return result;
  }
}

export function visibleStatus(whole: Status, caller: Caller): Status {
  // Prompts are between the service and whoever is asked, administrators included.
  const prompts = whole.prompts.filter(({ owner }) => owner === caller.uid);
  if (caller.administrator) return { ...whole, prompts };
  // Whoever may only look is not told of the vaults of others, nor of those that are everybody's.
  const vaults = whole.vaults.filter(({ owner }) => owner === caller.uid);
  const status = { ...whole, prompts, vaults };
  return {
    ...status,
    connections: status.connections.map((connection) => {
      if (connection.owner === caller.uid) return connection;
      const { details, ...seen } = connection;
      return seen;
    }),
  };
}

function visibleSecrets(secrets: readonly SecretSummary[], caller: Caller): readonly SecretSummary[] {
  return caller.administrator ? secrets : secrets.filter((secret) => secret.owner === caller.uid);
}
