// The life of one connection as a pure state machine: an event goes in, effects come out. What the effects do is the
// business of connection.ts; time is passed in, so that every path can be walked in virtual time.
import type { Failure } from '../../control/failure.ts';
import type { ConnectionState } from '../../control/state.ts';

export type ConnectionEvent =
  | { readonly type: 'up' }
  /** Fail-closed is in place, the name is resolved, the adapter and the sockets are open. */
  | { readonly type: 'prepared' }
  | { readonly type: 'prepare-failed'; readonly failure: Failure }
  | { readonly type: 'established' }
  /** Routes, addresses and DNS are in place and traffic flows. */
  | { readonly type: 'configured' }
  | { readonly type: 'configure-failed'; readonly failure: Failure }
  | { readonly type: 'closed'; readonly reason: Failure }
  /** A packet needs the connection and it is not up. */
  | { readonly type: 'traffic' }
  | { readonly type: 'network-changed' }
  /** The smart card that the connection hangs on was taken out. */
  | { readonly type: 'card-removed' }
  | { readonly type: 'woke-up'; readonly sleptSeconds: number }
  /** Card, medium or vault that holds the keys is gone or locked: only a person brings it back. */
  | { readonly type: 'keys-gone'; readonly failure: Failure }
  | { readonly type: 'retry' }
  | { readonly type: 'timer' }
  | { readonly type: 'down' }
  | { readonly type: 'cleaned' }
  /** Something could not be taken back: the user may say down again. */
  | { readonly type: 'clean-failed'; readonly failure: Failure };

export type ConnectionEffect =
  | { readonly type: 'prepare' }
  | { readonly type: 'agree' }
  /** Ask the peer for a sign of life; `reason`: why, should none come. */
  | { readonly type: 'probe'; readonly reason: Failure }
  | { readonly type: 'configure' }
  /** Ends the IKE SA if there is one; `abrupt` does not wait for the peer. */
  | { readonly type: 'release-ike'; readonly abrupt: boolean }
  /** Takes back everything that was changed on the computer, fail-closed included. */
  | { readonly type: 'clean' }
  /** Waiting packets are answered; the next one may ask again at that time. */
  | { readonly type: 'answer-waiting'; readonly retryAtMilliseconds: number }
  | { readonly type: 'set-timer'; readonly atMilliseconds: number | undefined };

/** What the connection is doing inside its state. */
export type ConnectionPhase =
  | 'idle'
  | 'preparing'
  | 'waiting-for-traffic'
  | 'agreeing'
  | 'configuring'
  | 'running'
  | 'backing-off'
  | 'stopped'
  | 'cleaning';

export interface ConnectionModel {
  readonly state: ConnectionState;
  readonly phase: ConnectionPhase;
  readonly sinceMilliseconds: number;
  /** Why the state is what it is; undefined where the user asked for it. */
  readonly why: Failure | undefined;
  /** Attempts since the last success. */
  readonly attempts: number;
  readonly everConnected: boolean;
  readonly wantsDown: boolean;
  /** A packet has asked since the last attempt: on demand, that is what the next one waits for. */
  readonly trafficWaits: boolean;
  readonly retryAtMilliseconds: number | undefined;
}

export interface ConnectionPolicy {
  readonly start: 'immediately' | 'on-demand';
  /** After a failure before the first success: go on trying? */
  readonly keepTrying: boolean;
}

const firstBackOffMilliseconds = 1000;
const longestBackOffMilliseconds = 30_000;
/** Refusals (wrong secret, no proposal) after a success may come from a gateway that is still starting. */
const refusalsBeforeFailed = 6;

const refusals = new Set<Failure['code']>([
  'authentication-failed',
  'peer-authentication-failed',
  'no-proposal-chosen',
  'selectors-unacceptable',
  'no-address-assigned',
  'secret-missing',
  'signing-failed',
  'refused-by-peer',
  'prompt-cancelled',
  'prompt-timed-out',
  'networks-overlap',
  'address-taken',
  'defaults-differ',
]);

/** Until somebody puts the card or the medium in, unblocks or unlocks. */
const keyFailures = new Set<Failure['code']>([
  'card-missing',
  'card-removed',
  'card-blocked',
  'card-failed',
  'vault-locked',
  'medium-removed',
  'vault-rolled-back',
  'vault-problem',
]);

/** Only somebody who says `up` or `retry` can mend it; trying again might lock an account or block a card. */
function needsPerson(failure: Failure): boolean {
  if (failure.code === 'authentication-failed') return failure.problem !== undefined;
  if (keyFailures.has(failure.code)) return true;
  return failure.code === 'prompt-cancelled' || failure.code === 'prompt-timed-out';
}

/** Where another link or address makes what is under way, or what runs, worthless. */
const followsNetwork = new Set<ConnectionPhase>([
  'preparing',
  'agreeing',
  'configuring',
  'running',
  'backing-off',
]);

export function idleConnection(nowMilliseconds: number): ConnectionModel {
  return {
    state: 'disconnected',
    phase: 'idle',
    sinceMilliseconds: nowMilliseconds,
    why: undefined,
    attempts: 0,
    everConnected: false,
    wantsDown: false,
    trafficWaits: false,
    retryAtMilliseconds: undefined,
  };
}

/** Milliseconds to wait after the `attempts`-th failure: 1 s, doubling, at most 30 s. */
export function backOffMilliseconds(attempts: number): number {
  return Math.min(firstBackOffMilliseconds * 2 ** Math.min(attempts - 1, 10), longestBackOffMilliseconds);
}

/** Advances the machine. Never throws; an event that does not fit the phase changes nothing. */
export function stepConnection(
  model: ConnectionModel,
  event: ConnectionEvent,
  policy: ConnectionPolicy,
  nowMilliseconds: number,
): { model: ConnectionModel; effects: readonly ConnectionEffect[] } {
  const unchanged = { model, effects: [] };
  const to = (change: Partial<ConnectionModel>, ...effects: ConnectionEffect[]) => {
    const stateChanged = change.state !== undefined && change.state !== model.state;
    return {
      model: {
        ...model,
        ...change,
        sinceMilliseconds: stateChanged ? nowMilliseconds : model.sinceMilliseconds,
      },
      effects,
    };
  };
  const agreeNow = (why: Failure | undefined) =>
    to(
      {
        state: model.everConnected ? 'reconnecting' : 'connecting',
        phase: 'agreeing',
        why,
        trafficWaits: false,
        retryAtMilliseconds: undefined,
      },
      { type: 'set-timer', atMilliseconds: undefined },
      { type: 'agree' },
    );
  const afterFailure = (failure: Failure, release: readonly ConnectionEffect[] = []) => {
    const attempts = model.attempts + 1;
    const refused = isRefusal(failure);
    // One that only waits for traffic has succeeded as far as it could.
    const succeeded = model.everConnected || model.phase === 'waiting-for-traffic';
    // Who signs in to the network shall find the connection made.
    const keepTrying = policy.keepTrying || failure.code === 'captive-portal';
    const goOn =
      !needsPerson(failure) &&
      (succeeded ? !refused || attempts < refusalsBeforeFailed : keepTrying && !refused);
    const retryAtMilliseconds = nowMilliseconds + backOffMilliseconds(attempts);
    if (!goOn) {
      return to(
        {
          state: 'failed',
          phase: 'stopped',
          why: failure,
          attempts,
          trafficWaits: false,
          retryAtMilliseconds: undefined,
        },
        ...release,
        { type: 'set-timer', atMilliseconds: undefined },
        { type: 'answer-waiting', retryAtMilliseconds },
      );
    }
    return to(
      {
        state: model.everConnected ? 'reconnecting' : 'connecting',
        phase: 'backing-off',
        why: failure,
        attempts,
        trafficWaits: false,
        retryAtMilliseconds,
      },
      ...release,
      { type: 'set-timer', atMilliseconds: retryAtMilliseconds },
      { type: 'answer-waiting', retryAtMilliseconds },
    );
  };

  /** By another way than before: what failed by the old one counts no more. */
  const startOver = (why: Failure) =>
    to(
      {
        state: model.everConnected ? 'reconnecting' : 'connecting',
        phase: 'preparing',
        why,
        attempts: 0,
        retryAtMilliseconds: undefined,
      },
      { type: 'set-timer', atMilliseconds: undefined },
      { type: 'release-ike', abrupt: true },
      { type: 'prepare' },
    );

  switch (event.type) {
    case 'up':
      if (model.phase !== 'idle' && model.phase !== 'stopped') return unchanged;
      return to(
        {
          state: 'connecting',
          phase: 'preparing',
          why: undefined,
          attempts: 0,
          wantsDown: false,
          trafficWaits: false,
          everConnected: false,
        },
        { type: 'prepare' },
      );
    case 'prepared':
      if (model.phase !== 'preparing') return unchanged;
      if (policy.start === 'on-demand' && !model.everConnected && !model.trafficWaits) {
        return to({ phase: 'waiting-for-traffic' });
      }
      return agreeNow(model.why);
    case 'prepare-failed':
      if (model.phase !== 'preparing') return unchanged;
      return afterFailure(event.failure);
    case 'established':
      if (model.phase !== 'agreeing') return unchanged;
      return to({ phase: 'configuring' }, { type: 'configure' });
    case 'configured':
      if (model.phase !== 'configuring') return unchanged;
      return to({ state: 'connected', phase: 'running', why: undefined, attempts: 0, everConnected: true });
    case 'configure-failed':
      if (model.phase !== 'configuring') return unchanged;
      return afterFailure(event.failure, [{ type: 'release-ike', abrupt: false }]);
    case 'closed':
      if (model.phase === 'cleaning' || model.phase === 'idle' || model.phase === 'stopped') return unchanged;
      if (model.phase === 'backing-off') return unchanged;
      if (model.phase === 'running' && model.attempts === 0) {
        return to({ state: 'reconnecting', phase: 'preparing', why: event.reason }, { type: 'prepare' });
      }
      return afterFailure(event.reason);
    case 'traffic':
      if (model.phase === 'waiting-for-traffic') return agreeNow(undefined);
      if (model.phase === 'preparing' || model.phase === 'backing-off') {
        return model.trafficWaits ? unchanged : to({ trafficWaits: true });
      }
      if (model.phase !== 'stopped') return unchanged;
      if (policy.start === 'on-demand' && !model.wantsDown && !isRefusal(model.why)) {
        return to({ state: 'connecting', phase: 'preparing', trafficWaits: true }, { type: 'prepare' });
      }
      return to(
        {},
        { type: 'answer-waiting', retryAtMilliseconds: nowMilliseconds + longestBackOffMilliseconds },
      );
    case 'network-changed':
      return followsNetwork.has(model.phase) ? startOver({ code: 'network-changed' }) : unchanged;
    case 'card-removed':
    case 'keys-gone':
      if (!followsNetwork.has(model.phase)) return unchanged;
      return to(
        {
          state: 'failed',
          phase: 'stopped',
          why: event.type === 'keys-gone' ? event.failure : { code: 'card-removed' },
          trafficWaits: false,
          retryAtMilliseconds: undefined,
        },
        { type: 'release-ike', abrupt: true },
        { type: 'set-timer', atMilliseconds: undefined },
        { type: 'answer-waiting', retryAtMilliseconds: nowMilliseconds + longestBackOffMilliseconds },
      );
    case 'woke-up': {
      const why: Failure = { code: 'woke-up', sleptSeconds: event.sleptSeconds };
      // The peer may know us still: it is asked before everything is made anew.
      if (model.phase === 'running') return to({}, { type: 'probe', reason: why });
      return followsNetwork.has(model.phase) ? startOver(why) : unchanged;
    }
    case 'retry':
    case 'timer':
      if (event.type === 'timer' && model.phase !== 'backing-off') return unchanged;
      if (model.phase !== 'backing-off' && model.phase !== 'stopped') return unchanged;
      if (model.wantsDown) return unchanged;
      return to(
        {
          state: model.everConnected ? 'reconnecting' : 'connecting',
          phase: 'preparing',
          retryAtMilliseconds: undefined,
        },
        { type: 'prepare' },
      );
    case 'down':
      if (model.phase === 'idle' || model.phase === 'cleaning') return unchanged;
      return to(
        { phase: 'cleaning', wantsDown: true, retryAtMilliseconds: undefined },
        { type: 'set-timer', atMilliseconds: undefined },
        { type: 'release-ike', abrupt: false },
        { type: 'clean' },
      );
    case 'cleaned':
      if (model.phase !== 'cleaning') return unchanged;
      return { model: { ...idleConnection(nowMilliseconds) }, effects: [] };
    case 'clean-failed':
      if (model.phase !== 'cleaning') return unchanged;
      return to({ state: 'failed', phase: 'stopped', why: event.failure });
  }
}

function isRefusal(why: Failure | undefined): boolean {
  return why !== undefined && (refusals.has(why.code) || keyFailures.has(why.code));
}
