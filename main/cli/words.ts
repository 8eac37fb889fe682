// Puts words to failed calls: what happened and why, and what to do next, for the command line.
import { englishOf } from '../control/english.ts';
import type { ControlFailure, ProfileProblem } from '../control/failure.ts';
import type { Message } from '../control/messages.ts';
import { cardWords } from './card-words.ts';
import { conflictWords } from './conflict-words.ts';
import { connectionWords } from './connection-words.ts';
import { quoted, type Words } from './phrases.ts';
import { promptRefusals, promptWords } from './prompt-words.ts';
import { vaultWords } from './vault-words.ts';

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
