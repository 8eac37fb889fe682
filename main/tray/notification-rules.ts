// Which changes of the service's state a person is told about: once for each event, with the reason. Pure: states in,
// facts out; notificationText puts words to them.
import type { Failure } from '../control/failure.ts';
import type { Prompt } from '../control/prompt-values.ts';
import type { ConnectionState } from '../control/state.ts';
import type { ConnectionStatus } from '../control/values.ts';
import type { ServiceState } from './ipc.ts';
import { promptName, reasonText } from './text/failure-text.ts';
import type { Translate } from './text/translate.ts';

export type NotificationFact =
  | {
      readonly kind: 'connected' | 'disconnected' | 'reconnecting' | 'failed';
      readonly profile: string;
      readonly failure: Failure | undefined;
      readonly blocked: boolean;
    }
  | { readonly kind: 'service-away' }
  | { readonly kind: 'prompt'; readonly prompt: Prompt };

export class NotificationRules {
  /** What was known of each connection; undefined before the service was first there. */
  #known: ReadonlyMap<string, ConnectionState> | undefined;
  #away = false;
  /** The service's, when it was last there. */
  #startedAt: number | undefined;
  #prompts: ReadonlySet<string> = new Set();

  /** The facts that are new since the last call. What is already so when the app starts is no news. */
  next(state: ServiceState): readonly NotificationFact[] {
    if (state.service === 'starting') return [];
    if (state.service === 'away') {
      const news = this.#known !== undefined && !this.#away;
      this.#away = true;
      return news ? [{ kind: 'service-away' }] : [];
    }
    this.#away = false;
    const { startedAt } = state.status;
    const anew = this.#startedAt !== undefined && this.#startedAt !== startedAt;
    this.#startedAt = startedAt;
    const prompts = this.#newPrompts(state.status.prompts);
    const connections = state.status.connections.filter(
      ({ profile }) => !state.profiles.some(({ name, role }) => name === profile && role === 'gateway'),
    );
    const before = this.#known;
    this.#known = new Map(connections.map((each) => [each.profile, each.state]));
    if (before === undefined) return prompts;
    const gone = [...before.keys()].filter((profile) => !this.#known?.has(profile));
    return [
      ...prompts,
      ...connections.flatMap((each) => {
        // Another service: that it has made the connection anew is news.
        const isNews = anew && each.state === 'connected';
        return factOf((isNews ? undefined : before.get(each.profile)) ?? 'disconnected', each);
      }),
      ...gone.flatMap((profile) => endOf(before.get(profile) ?? 'disconnected', profile, undefined)),
    ];
  }

  /** One that is open when the app starts still wants its answer. */
  #newPrompts(prompts: readonly Prompt[]): readonly NotificationFact[] {
    const before = this.#prompts;
    this.#prompts = new Set(prompts.map(({ id }) => id));
    return prompts.filter(({ id }) => !before.has(id)).map((prompt) => ({ kind: 'prompt', prompt }));
  }
}

export interface NotificationText {
  readonly title: string;
  readonly body: string;
}

export function notificationText(fact: NotificationFact, translate: Translate): NotificationText {
  if (fact.kind === 'service-away') {
    return {
      title: translate.text('notification.serviceAway.title'),
      body: translate.text('notification.serviceAway.body'),
    };
  }
  if (fact.kind === 'prompt') {
    const { kind, profile, vault, card } = fact.prompt;
    return {
      title: translate.text('notification.prompt.title', { what: promptName(translate, kind) }),
      body: translate.text('notification.prompt.body', {
        name: profile ?? vault ?? card?.label ?? 'SealNIC',
      }),
    };
  }
  const { kind, profile, failure, blocked } = fact;
  const body: string[] = [];
  if (kind === 'connected' || (kind === 'disconnected' && !blocked)) {
    body.push(translate.text(`notification.${kind}.body`));
  }
  if (failure !== undefined && failure.code !== 'requested' && kind !== 'connected') {
    const { what, next } = reasonText(translate, profile, failure);
    body.unshift(what);
    if (next !== undefined && kind === 'failed') body.push(next);
  }
  if (blocked) body.push(translate.text('notification.blocked'));
  return { title: translate.text(`notification.${kind}.title`, { profile }), body: body.join(' ') };
}

function factOf(before: ConnectionState, connection: ConnectionStatus): readonly NotificationFact[] {
  const { profile, state, failure, protectedTraffic } = connection;
  if (state === before || state === 'connecting') return [];
  const blocked = protectedTraffic === 'blocked';
  if (state === 'disconnected') return endOf(before, profile, failure);
  // An attempt that was never up and goes on trying has failed once, in words of its own.
  return [{ kind: state, profile, failure, blocked }];
}

/** Only what was up is worth saying; and a service that stops is told as such, once. */
function endOf(
  before: ConnectionState,
  profile: string,
  failure: Failure | undefined,
): readonly NotificationFact[] {
  if (before !== 'connected' && before !== 'reconnecting') return [];
  if (failure?.code === 'service-stopping') return [];
  return [{ kind: 'disconnected', profile, failure, blocked: false }];
}
