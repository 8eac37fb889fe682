// Words for why a connection is not up.
import type { Failure, PasswordProblem } from '../control/failure.ts';
import { cardWords } from './card-words.ts';
import { conflictWords } from './conflict-words.ts';
import { because, quoted, type Words } from './phrases.ts';
import { promptWords } from './prompt-words.ts';
import { vaultWords } from './vault-words.ts';

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
