// Puts words to failures: what happened and why, and what to do next. The only place that does, for the command line.
import { englishOf } from '../control/english.ts';
import type {
  ControlFailure,
  Failure,
  PasswordProblem,
  ProfileProblem,
  PromptRefusal,
} from '../control/failure.ts';
import type { Message } from '../control/messages.ts';
import type { PromptKind } from '../control/prompt-values.ts';
import { cardWords } from './card-words.ts';
import { conflictWords } from './conflict-words.ts';

export interface Words {
  /** What happened and why: one sentence. */
  readonly what: string;
  /** What to do next: one sentence, or nothing. */
  readonly next?: string;
}

/** Words for a failed call. */
export function wordsOf(failure: ControlFailure): Words {
  switch (failure.code) {
    case 'connection-failed':
      return connectionWords(failure.profile, failure.failure);
    case 'refused':
      return refusedWords(failure);
    case 'invalid-request':
      return {
        what: `The service did not accept the request: ${failure.detail}.`,
        next: 'Check the arguments.',
      };
    case 'unknown-method':
      return {
        what: `The service does not know "${failure.method}": it is of another version than this command.`,
        next: 'Restart the service: systemctl restart sealnic',
      };
    case 'too-much':
      return {
        what: `The service has reached a limit: ${englishOf(failure.limit)}.`,
        next: 'Try again in a moment.',
      };
    case 'not-supported':
      return { what: `This service does not offer ${failure.feature}.` };
    case 'internal':
      return {
        what: `The service made a mistake: ${failure.detail}.`,
        next: 'Please report it, with what journalctl -u sealnic says.',
      };
    case 'stopping':
      return { what: 'The service is stopping.', next: 'Try again when it has started.' };

    case 'profile-not-found':
      return {
        what: `There is no profile "${failure.profile}".`,
        next:
          failure.known.length === 0
            ? 'Import one: sealnic profiles import FILE'
            : `There is: ${failure.known.join(', ')}.`,
      };
    case 'profile-exists':
      return {
        what: `A profile "${failure.profile}" exists already.`,
        next: 'Replace it with --replace, or import under another name with --name NAME.',
      };
    case 'profile-in-use':
      return {
        what: `The profile "${failure.profile}" is in use.`,
        next: `Disconnect first: sealnic down ${quoted(failure.profile)}`,
      };
    case 'profile-invalid':
      return {
        what: `The profile ${failure.name} is not valid: ${failure.problems.map(problemWords).join('; ')}.`,
        next: `Correct it, then check it: sealnic profiles edit-check FILE`,
      };
    case 'import-unsupported':
      return { what: `The file cannot be imported: ${problemWords(failure.problem)}.` };
    case 'import-choice':
      return {
        what: `The file has several connections: ${failure.connections.join(', ')}.`,
        next: 'Choose: --connection NAME (more than once, if need be), or --all',
      };
    case 'passphrase-needed':
      return {
        what: 'The file is protected by a passphrase.',
        next: 'Run the command in a terminal, or give the passphrase with --passphrase-stdin.',
      };
    case 'passphrase-wrong':
      return { what: 'The passphrase does not open the file.', next: 'Try again.' };
    case 'not-connected':
      if (failure.profile === '')
        return { what: 'Nothing is connected.', next: 'Connect: sealnic up PROFILE' };
      return {
        what: `"${failure.profile}" is not connected.`,
        next: `Connect: sealnic up ${quoted(failure.profile)}`,
      };
    case 'no-portal':
      return {
        what: `Nothing says that "${failure.profile}" waits for a sign-in to the network.`,
        next: `See: sealnic status`,
      };
    case 'portal-shielded':
      return {
        what: `The network's sign-in page (${failure.host}) claims an address that "${failure.profile}" protects, and is not let through.`,
        next: `If you trust this network: sealnic down ${quoted(failure.profile)}, sign in, and connect again.`,
      };
    case 'connection-exists':
      return {
        what: `"${failure.profile}" answers already, and there is one gateway at a time.`,
        next: `End it first: sealnic down ${quoted(failure.profile)}`,
      };
    case 'gateway-first':
      return {
        what: `"${failure.profile}" cannot answer beside "${failure.other}": a gateway is brought up first.`,
        next: `sealnic down ${quoted(failure.other)}; sealnic up ${quoted(failure.profile)}; sealnic up ${quoted(failure.other)}`,
      };
    case 'networks-overlap':
    case 'address-taken':
    case 'defaults-differ':
      return conflictWords(failure.profile, failure);

    case 'row-invalid':
      return rowWords(failure.field, failure.problem);
    case 'row-not-found':
      return { what: `The filter has no row "${failure.id}".`, next: 'See: sealnic filter list' };
    case 'row-not-removable':
      return {
        what: `Row "${failure.id}" cannot be removed: it comes from ${failure.origin}.`,
        next: 'Change it there, or put a row of your own before it: sealnic filter add --help',
      };
    case 'association-not-found':
      return { what: `No security association has the SPI ${failure.spi}.`, next: 'See: sealnic sa list' };
    case 'secret-not-found':
      return {
        what: `There is no secret "${failure.name}".`,
        next: 'See: sealnic secrets list',
      };
    case 'secret-invalid':
      return { what: `The secret "${failure.name}" cannot be used: ${englishOf(failure.problem)}.` };
    case 'name-not-resolved':
      return {
        what: `No address is known for "${failure.name}".`,
        next: 'Check the spelling and the DNS server.',
      };

    case 'vault-not-found':
      return failure.vault === ''
        ? {
            what: 'There is no default vault.',
            next: 'Say which with --vault, or choose one: sealnic vault default VAULT',
          }
        : {
            what: `There is no vault "${failure.vault}".`,
            next:
              failure.known.length === 0
                ? 'Make one: sealnic vault create NAME'
                : `There is: ${failure.known.join(', ')}.`,
          };
    case 'compartment-not-found':
      return {
        what: `The vault "${failure.vault}" has no compartment "${failure.compartment}".`,
        next: `There is: ${failure.known.join(', ')}.`,
      };
    case 'vault-locked':
    case 'vault-rolled-back':
    case 'vault-problem':
      return vaultWords(failure);
    case 'keychain-unusable':
      return { what: `${failure.detail}.`, next: 'Unlock the keychain, or use a passphrase instead.' };
    case 'prompt-not-found':
      return {
        what: 'That prompt is not open any more: it was answered, cancelled, or has expired.',
        next: 'See: sealnic prompts list',
      };
    case 'prompt-refused':
      return promptRefusals[failure.reason];
    case 'prompt-cancelled':
      return { what: `The ${promptWords[failure.kind]} was not given: the question was cancelled.` };
    case 'prompt-timed-out':
      return { what: `The ${promptWords[failure.kind]} was not given in time.`, next: 'Try again.' };

    case 'card-problem':
      return cardWords(failure.problem, failure.detail, failure.triesLeft);
    case 'no-service':
      return failure.detail === 'EACCES'
        ? { what: `The service's socket ${failure.path} may not be opened.`, next: 'Check its permissions.' }
        : {
            what: `The SealNIC service is not running (nothing answers on ${failure.path}).`,
            next: 'Start it: systemctl start sealnic, or as root: sealnic service run',
          };
    case 'connection-lost':
      return { what: 'The service went away.', next: 'See why: journalctl -u sealnic' };
    case 'server-not-trusted':
      return {
        what: `No secret was sent, because the service may not be genuine: ${failure.detail}.`,
        next: 'Check --control and SEALNIC_CONTROL.',
      };
    case 'file-not-written':
      return {
        what: `The file ${failure.path} cannot be written: ${failure.detail}.`,
        next: 'Give the name of a file that you may write.',
      };
    case 'bad-answer':
      return {
        what: `The service's answer to ${failure.method} was not understood (${failure.detail}).`,
        next: 'It may be of another version: systemctl restart sealnic',
      };
  }
}

/** Words for why a connection is not up. */
export function connectionWords(profile: string, failure: Failure): Words {
  const name = quoted(profile);
  const check = (key: string) => `Check ${key} in the profile: sealnic profiles show ${name}`;
  switch (failure.code) {
    case 'networks-overlap':
    case 'address-taken':
    case 'defaults-differ':
      return conflictWords(profile, failure);
    case 'requested':
      return { what: `"${profile}" was disconnected on request.` };
    case 'no-answer':
      return {
        what: `The gateway of "${profile}" did not answer for ${Math.round(failure.milliseconds / 1000)} s.`,
        next: 'Check its address and that UDP ports 500 and 4500 are not blocked on the way.',
      };
    case 'dead-peer':
      return {
        what: `The gateway of "${profile}" has stopped answering.`,
        next: 'Check the network; the gateway may be restarting.',
      };
    case 'deleted-by-peer':
      return { what: `The gateway ended "${profile}".`, next: `Connect again: sealnic up ${name}` };
    case 'authentication-failed':
      if (failure.problem !== undefined) return passwordWords(profile, failure.problem);
      return {
        what: `The gateway refused to authenticate us for "${profile}".`,
        next: 'Check the identity and the secret or certificate: sealnic secrets list',
      };
    case 'peer-authentication-failed':
      return peerWords(profile, failure.problem, failure.detail);
    case 'no-proposal-chosen':
      return {
        what: `The gateway of "${profile}" accepts none of our ${failure.layer.toUpperCase()} algorithms.`,
        next: check(`${failure.layer}.proposals`),
      };
    case 'selectors-unacceptable':
      return {
        what: `The gateway of "${profile}" does not serve the networks that the profile wants protected.`,
        next: check('network.protect'),
      };
    case 'no-address-assigned':
      return {
        what: `The gateway of "${profile}" gave no virtual address.`,
        next: 'Ask its administrator (the pool may be used up), or set network.virtual_address = false.',
      };
    case 'secret-missing':
      return {
        what: `The ${kindWords[failure.kind ?? 'psk']} ${failure.name === undefined ? '' : `"${failure.name}" `}that "${profile}" needs is not stored.`,
        next: `Store it: sealnic secrets put ${failure.name === undefined ? 'NAME' : quoted(failure.name)}${kindOption(failure.kind)}`,
      };
    case 'signing-failed':
      return {
        what: `Our private key could not sign for "${profile}"${because(failure.detail)}.`,
        next: 'Store the key that belongs to the certificate: sealnic secrets put NAME --kind private-key',
      };
    case 'invalid-message':
      return {
        what: `The gateway of "${profile}" sent something that is not valid IKEv2: ${failure.detail}.`,
        next: 'Check that the address is that of an IKEv2 gateway.',
      };
    case 'refused-by-peer':
      return {
        what: `The gateway refused "${profile}": ${failure.notify}.`,
        next: 'Its log says why; ask its administrator.',
      };
    case 'replaced':
      return { what: `"${profile}" was replaced by a newer connection.` };
    case 'vault-locked':
    case 'vault-rolled-back':
    case 'vault-problem': {
      const words = vaultWords(failure);
      return { ...words, what: `"${profile}" is not connected. ${words.what}` };
    }
    case 'medium-removed':
      return {
        what: `"${profile}" is not connected: the medium with the vault "${failure.vault}" is out.`,
        next: 'Plug it in; the connection comes back when the vault is open.',
      };
    case 'prompt-cancelled':
      return {
        what: `"${profile}" was not connected: the question for the ${promptWords[failure.kind]} was cancelled.`,
        next: `Connect again: sealnic up ${name}`,
      };
    case 'prompt-timed-out':
      return {
        what: `"${profile}" was not connected: the ${promptWords[failure.kind]} was not given in time.`,
        next: `Connect again: sealnic up ${name}`,
      };
    case 'card-missing':
      return {
        what: `The card that "${profile}" needs is not in${readerWords[failure.reader]}.`,
        next:
          failure.reader === 'no-library'
            ? 'Install pcscd and libpcsclite1.'
            : 'Insert it; see: sealnic card status',
      };
    case 'card-removed':
      return {
        what: `"${profile}" ended because its card was taken out; what it protects is blocked.`,
        next: `Insert the card and give its PIN, or: sealnic down ${name}`,
      };
    case 'card-blocked':
      return {
        what: `The PIN of the card that "${profile}" needs is blocked.`,
        next: 'Set a new one by the PUK: sealnic card unblock',
      };
    case 'card-failed':
      return {
        what: `The card could not be used for "${profile}": ${failure.detail}.`,
        next: cardWords(failure.problem, failure.detail, undefined).next ?? 'See: sealnic card status',
      };
    case 'name-not-resolved':
      return {
        what: `No address is known for the gateway "${failure.name}".`,
        next: 'Check the name in the profile, and that a DNS server can be reached.',
      };
    case 'no-network':
      return {
        what: `There is no network that leads to the gateway of "${profile}".`,
        next: 'Connect the computer to a network.',
      };
    case 'adapter-failed':
      return {
        what: `The virtual adapter could not be used: ${failure.detail}.`,
        next: 'See: sealnic doctor',
      };
    case 'network-failed':
      return {
        what: `Addresses, routes, DNS or firewall could not be set: ${failure.detail}.`,
        next: 'See: sealnic doctor',
      };
    case 'network-changed':
      return { what: `"${profile}" is being connected anew because the network changed.` };
    case 'woke-up':
      return {
        what: `"${profile}" is being connected anew: the computer slept, and the gateway answered no more.`,
      };
    case 'captive-portal':
      return {
        what: `The gateway of "${profile}" cannot be reached: this network wants a sign-in first${failure.url === undefined ? '' : ` (${failure.url})`}.`,
        next: `Let its sign-in page through for five minutes: sealnic portal ${name}`,
      };
    case 'service-stopping':
      return { what: `"${profile}" ended because the service is stopping.` };
    case 'unexpected':
      return { what: `"${profile}" failed: ${failure.detail}.`, next: 'See: journalctl -u sealnic' };
  }
}

/** What is wrong with a profile, with its place: "line 3, gateway.adress: unknown key". */
export function problemWords({ line, key, problem }: ProfileProblem): string {
  const place = [line === undefined ? '' : `line ${line}`, key ?? '']
    .filter((part) => part !== '')
    .join(', ');
  const words = englishOf(problem);
  return place === '' ? words : `${place}: ${words}`;
}

/** The parts of a row or packet, as `filter add` and `filter explain` name them. */
const rowFields: Readonly<Record<string, string>> = {
  source: 'source (--from) is',
  destination: 'destination is',
  protocol: 'protocol (--protocol) is',
  sourcePorts: 'source ports (--from-port) are',
  destinationPorts: 'destination ports (--port) are',
  allowInbound: 'permission for the other side to begin (--allow-inbound) is',
  profile: 'profile (--profile) is',
};

function rowWords(field: string, problem: Message): Words {
  const name = rowFields[field] ?? `${field} is`;
  return { what: `The ${name} not valid: ${englishOf(problem)}.` };
}

const kindWords = {
  psk: 'secret',
  'private-key': 'private key',
  certificate: 'certificate',
  authority: 'authority',
} as const;

function kindOption(kind: keyof typeof kindWords | undefined): string {
  return kind === undefined || kind === 'psk' ? '' : ` --kind ${kind}`;
}

const readerWords = {
  'no-library': ': this computer has no library for smart cards',
  'no-service': ": the computer's service for smart cards does not answer",
  'no-reader': ': there is no card reader',
  ready: ' a reader',
} as const;

/** What is asked for. */
function vaultWords(
  failure: Extract<ControlFailure, { code: 'vault-locked' | 'vault-rolled-back' | 'vault-problem' }>,
): Words {
  const vault = quoted(failure.vault);
  switch (failure.code) {
    case 'vault-locked':
      return {
        what: `The compartment "${failure.compartment}" of the vault "${failure.vault}" is locked.`,
        next: `Open it: sealnic vault open ${vault}`,
      };
    case 'vault-rolled-back':
      return {
        what: `The vault "${failure.vault}" is not the latest. ${failure.detail}`,
        next: `Bring the latest copy; if this one is meant, as root: sealnic vault accept ${vault}`,
      };
    case 'vault-problem': {
      const next = vaultAdvice[failure.problem];
      return {
        what: `The vault "${failure.vault}" ${vaultVerb(failure.problem)}: ${failure.detail}`,
        ...(next !== undefined && { next: next.replace('VAULT', vault) }),
      };
    }
  }
}

function vaultVerb(problem: Extract<ControlFailure, { code: 'vault-problem' }>['problem']): string {
  if (problem === 'wrong-secret' || problem === 'more-protectors') return 'was not opened';
  const unchanged = ['exists', 'read-only', 'full', 'changed', 'invalid', 'too-large'];
  return unchanged.includes(problem) ? 'was not changed' : 'cannot be used';
}

const vaultAdvice: Partial<Record<Extract<ControlFailure, { code: 'vault-problem' }>['problem'], string>> = {
  missing: 'Plug its medium in, or put the file back.',
  damaged: 'Use a copy of the file; nothing was written to it.',
  forged: 'Use a copy of the file that you trust.',
  'signer-changed': 'If you gave it new keys elsewhere, as root: sealnic vault accept VAULT',
  'wrong-secret': 'Try again.',
  'read-only': 'Make the medium writable; nothing was changed.',
  full: 'Make room on the medium and try again.',
  changed: 'Try again.',
};

export const promptWords: Readonly<Record<PromptKind, string>> = {
  pin: 'PIN',
  puk: 'PUK',
  passphrase: 'passphrase',
  'recovery-code': 'recovery code',
  'eap-password': 'password',
  'one-time-code': 'one-time code',
  card: 'card',
};

const promptRefusals: Readonly<Record<PromptRefusal, Words>> = {
  'not-yours': { what: 'That prompt is for another user.', next: 'Only that user can answer it.' },
  'last-try': {
    what: 'It is the last try: a wrong answer blocks the card.',
    next: 'If you are sure, answer with --confirm-last-try.',
  },
  empty: { what: 'The answer is empty.', next: 'Try again.' },
  'pin-pad': { what: 'The PIN is typed on the card reader, not here.' },
  'card-expected': { what: 'Nothing is to be typed: insert the card.' },
};

const passwordProblemWords: Readonly<Record<PasswordProblem, { what: string; next: string }>> = {
  'wrong-password': {
    what: 'name or password is wrong',
    next: 'Check authentication.identity in the profile, and try again with the right password.',
  },
  'account-disabled': { what: 'the account is disabled', next: 'Ask its administrator.' },
  'password-expired': { what: 'the password has expired', next: 'Change it, or ask its administrator.' },
  'not-permitted': { what: 'the account may not log in now', next: 'Ask its administrator.' },
  'no-common-method': {
    what: 'it offers no method of logging in that the profile allows',
    next: 'SealNIC has MS-CHAPv2 and GTC; check authentication.methods in the profile.',
  },
  'server-unproven': {
    what: 'it does not know the password itself',
    next: 'Somebody may be in between; ask the administrator of the gateway.',
  },
};

function passwordWords(profile: string, problem: PasswordProblem): Words {
  const { what, next } = passwordProblemWords[problem];
  return { what: `The gateway refused to log in "${profile}": ${what}.`, next };
}

type PeerProblem = Extract<Failure, { code: 'peer-authentication-failed' }>['problem'];

const peerProblems: Readonly<Record<PeerProblem, { what: string; next: string }>> = {
  untrusted: {
    what: 'its certificate was not issued by an authority that the profile trusts',
    next: "Store the gateway's authority: sealnic secrets put NAME --kind authority",
  },
  expired: {
    what: 'its certificate has expired',
    next: "Check this computer's clock, or ask for a new certificate.",
  },
  'not-yet-valid': { what: 'its certificate is not valid yet', next: "Check this computer's clock." },
  'key-usage': {
    what: 'its certificate is not meant for this use',
    next: 'The gateway needs a certificate for server authentication or IKE.',
  },
  'name-mismatch': {
    what: 'its certificate is for another name',
    next: 'Check gateway.identity in the profile; if it is right, somebody may be in between.',
  },
  'bad-signature': {
    what: 'its signature is wrong',
    next: 'Somebody may be in between; ask the administrator of the gateway.',
  },
  malformed: { what: 'its certificate cannot be read', next: 'Ask the administrator of the gateway.' },
  'wrong-psk': {
    what: 'it does not know the pre-shared key',
    next: 'Store the right one: sealnic secrets put NAME',
  },
  'wrong-identity': { what: 'it calls itself otherwise', next: 'Check gateway.identity in the profile.' },
};

function peerWords(profile: string, problem: PeerProblem, detail: string | undefined): Words {
  const { what, next } = peerProblems[problem];
  return { what: `The gateway of "${profile}" did not prove who it is: ${what}${because(detail)}.`, next };
}

function refusedWords(failure: Extract<ControlFailure, { code: 'refused' }>): Words {
  if (failure.owner !== undefined) {
    return {
      what: `The connection was opened by another user (uid ${failure.owner}).`,
      next: 'Run the command as that user or as root.',
    };
  }
  if (failure.right === 'control') {
    return {
      what: 'You may not connect or disconnect from here: you are not logged in at this computer.',
      next: 'Run the command as root, or be added to the group "sealnic".',
    };
  }
  return { what: 'This needs an administrator.', next: 'Run the command with sudo.' };
}

function because(detail: string | undefined): string {
  return detail === undefined || detail === '' ? '' : ` (${detail})`;
}

/** As a shell takes it. */
export function quoted(name: string): string {
  return /^[\w.@-]+$/.test(name) ? name : `'${name}'`;
}
