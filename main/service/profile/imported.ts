// What every import of a foreign profile makes, and the parts that all of them need.
import { englishOf } from '../../control/english.ts';
import type { Message } from '../../control/messages.ts';
import type { CredentialKind } from '../../keys/credentials/store.ts';
import type { TextProblem } from '../configuration/problem.ts';
import { IdentityTextError, parseIdentity } from './identity.ts';
import { validateProfile } from './parse.ts';
import { type ProposalReading, ProposalTextError } from './proposal.ts';

export interface ImportedProfile {
  readonly name: string;
  /** TOML. */
  readonly text: string;
  /** To be stored under these names; the bytes of private keys are to be wiped then. */
  readonly credentials: readonly ImportedCredential[];
  /** What was left out or decided, and what to do next. */
  readonly remarks: readonly Message[];
}

export interface ImportedCredential {
  readonly kind: CredentialKind;
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The file cannot be taken over; `problem` says why. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
  readonly problem: TextProblem;

  constructor(problem: Message, place: Omit<TextProblem, 'problem'> = {}) {
    super(englishOf(problem));
    this.problem = { ...place, problem };
  }
}

/** What came from the file is checked like what a person writes. */
export function checkOwnText(text: string, name: string): void {
  const [problem] = validateProfile(text, name);
  if (problem) throw new ImportError(problem.problem, problem.key === undefined ? {} : { key: problem.key });
}

/** "Büro Zürich" becomes "buro-zurich". */
export function nameFrom(title: string): string {
  const plain = title.normalize('NFKD').toLowerCase().replace(/\p{M}/gu, '');
  const slug = plain.replace(/[^a-z0-9_.-]+/g, '-').replace(/^[^a-z0-9]+/, '');
  return slug.slice(0, 32).replace(/[-_.]+$/, '') || 'imported';
}

/** The text, if it is an identity. Throws ImportError. */
export function checkedIdentity(text: string | undefined, key: string): string | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    parseIdentity(text);
    return text;
  } catch (error) {
    if (!(error instanceof IdentityTextError)) throw error;
    throw new ImportError(error.problem, { key });
  }
}

/** undefined where there are none, or none that can be used, which is remarked on. */
export function takenProposals<Proposal>(
  text: string | undefined,
  key: string,
  remarks: Message[],
  reader: (text: string, lenient: boolean) => ProposalReading<Proposal>,
): readonly Proposal[] | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    const { proposals: found, unsupported } = reader(text, true);
    if (unsupported.length > 0) {
      remarks.push({ code: 'remark-proposal-parts', key, text, parts: unsupported.join(', ') });
    }
    if (found.length <= maximumProposals) return found;
    remarks.push({ code: 'remark-proposals-cut', key, text, count: found.length, taken: maximumProposals });
    return found.slice(0, maximumProposals);
  } catch (error) {
    if (!(error instanceof ProposalTextError)) throw error;
    remarks.push({ code: 'remark-proposals-unusable', key, text });
    return undefined;
  }
}

/** More do not fit in a first message. */
const maximumProposals = 24;
