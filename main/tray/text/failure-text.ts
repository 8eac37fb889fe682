// Puts words to failures in the person's language: what happened, and what to do next in the app. (The command line
// has words of its own, which name its commands: main/cli/words.ts.)
import type { ControlFailure, Failure, ProfileProblem } from '../../control/failure.ts';
import type { Message } from '../../control/messages.ts';
import type { Translate } from './translate.ts';

export interface FailureText {
  readonly what: string;
  readonly next?: string;
}

/** Words for a failed command. */
export function failureText(translate: Translate, failure: ControlFailure): FailureText {
  switch (failure.code) {
    case 'connection-failed':
      return reasonText(translate, failure.profile, failure.failure);
    case 'refused':
      return textsOf(translate, `failure.${refusal(failure)}`, valuesOf(failure));
    case 'profile-invalid':
      return textsOf(translate, 'failure.profile-invalid', {
        name: failure.name,
        problems: failure.problems.map((problem) => problemText(translate, problem)).join('; '),
      });
    case 'too-much':
      return textsOf(translate, 'failure.too-much', { limit: messageText(translate, failure.limit) });
    case 'import-choice':
      return textsOf(translate, 'failure.import-choice', { connections: failure.connections.join(', ') });
    case 'import-unsupported':
      return textsOf(translate, 'failure.import-unsupported', {
        detail: problemText(translate, failure.problem),
      });
    case 'row-invalid':
      return textsOf(translate, 'failure.row-invalid', {
        field: translate.text(`rowField.${failure.field}`),
        detail: messageText(translate, failure.problem),
      });
    case 'secret-invalid':
      return textsOf(translate, 'failure.secret-invalid', {
        name: failure.name,
        detail: messageText(translate, failure.problem),
      });
    case 'card-problem':
      return textsOf(translate, 'failure.card-problem', {
        problem: translate.text(`cardProblem.${failure.problem}`),
      });
    case 'prompt-refused':
      return textsOf(translate, 'failure.prompt-refused', {
        problem: translate.text(`promptRefusal.${failure.reason}`),
      });
    case 'vault-problem':
      return textsOf(translate, 'failure.vault-problem', {
        vault: failure.vault,
        detail: translate.text(`vaultProblem.${failure.problem}`),
      });
    case 'prompt-cancelled':
    case 'prompt-timed-out':
      return textsOf(translate, `failure.${failure.code}`, { what: promptName(translate, failure.kind) });
    default:
      return textsOf(translate, `failure.${failure.code}`, valuesOf(failure));
  }
}

/** Words for what the service says. */
export function messageText(translate: Translate, message: Message): string {
  return translate.text(`message.${message.code}`, valuesOf(message));
}

/** "Line 3: gateway.adress: …". */
export function problemText(translate: Translate, { line, key, problem }: ProfileProblem): string {
  const place = line === undefined ? undefined : translate.text('fileLine', { line });
  return [place, key, messageText(translate, problem)].filter((part) => part !== undefined).join(': ');
}

/** Words for why a connection is not up. */
export function reasonText(translate: Translate, profile: string, failure: Failure): FailureText {
  const values = { profile, name: '', detail: '', ...valuesOf(failure) };
  switch (failure.code) {
    case 'no-answer':
      return textsOf(translate, 'reason.no-answer', {
        ...values,
        seconds: Math.round(failure.milliseconds / 1000),
      });
    case 'card-failed':
      return textsOf(translate, 'reason.card-failed', {
        ...values,
        problem: translate.text(`cardProblem.${failure.problem}`),
      });
    case 'peer-authentication-failed':
      return textsOf(translate, 'reason.peer-authentication-failed', {
        ...values,
        problem: translate.text(`peerProblem.${failure.problem}`),
      });
    case 'authentication-failed':
      if (failure.problem === undefined) return textsOf(translate, 'reason.authentication-failed', values);
      return textsOf(translate, 'reason.login-refused', {
        ...values,
        problem: translate.text(`passwordProblem.${failure.problem}`),
      });
    case 'no-proposal-chosen':
      return textsOf(translate, 'reason.no-proposal-chosen', {
        ...values,
        layer: failure.layer.toUpperCase(),
      });
    case 'vault-problem':
      return textsOf(translate, 'reason.vault-problem', {
        ...values,
        detail: translate.text(`vaultProblem.${failure.problem}`),
      });
    case 'prompt-cancelled':
    case 'prompt-timed-out':
      return textsOf(translate, `reason.${failure.code}`, {
        ...values,
        what: promptName(translate, failure.kind),
      });
    default:
      return textsOf(translate, `reason.${failure.code}`, values);
  }
}

/** "password", "PIN": what is asked for, within a sentence. */
export function promptName(
  translate: Translate,
  kind: Extract<Failure, { code: 'prompt-cancelled' }>['kind'],
): string {
  return translate.text(`promptKind.${kind}`);
}

function refusal({ owner, right }: Extract<ControlFailure, { code: 'refused' }>): string {
  if (owner !== undefined) return 'refused-owner';
  return right === 'administer' ? 'refused-administer' : 'refused';
}

type Values = Readonly<Record<string, string | number>>;

function valuesOf(failure: object): Values {
  return Object.fromEntries(
    Object.entries(failure)
      .map(([key, value]) => [key, Array.isArray(value) ? value.join(', ') : value])
      .filter(([, value]) => typeof value === 'string' || typeof value === 'number'),
  );
}

function textsOf(translate: Translate, key: string, values: Values): FailureText {
  const what = translate.text(`${key}.what`, values);
  return translate.has(`${key}.next`) ? { what, next: translate.text(`${key}.next`, values) } : { what };
}
