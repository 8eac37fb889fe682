// Proposals in the notation that strongSwan's users know, "aes256gcm16-prfsha384-ecp256", to and from the engine's.
import { englishOf } from '../../control/english.ts';
import type { Message } from '../../control/messages.ts';
import type { EspProposal, IkeEncryption, IkeGroup, IkePrf, IkeProposal } from '../../engine/ike/contract.ts';
import type { EspAlgorithm } from '../../engine/sa/parameters.ts';

/** The text says no proposal that we can make; `problem` says why. */
export class ProposalTextError extends Error {
  override readonly name = 'ProposalTextError';
  readonly problem: Message;

  constructor(problem: Message) {
    super(englishOf(problem));
    this.problem = problem;
  }
}

export interface ProposalReading<Proposal> {
  readonly proposals: readonly Proposal[];
  /** Parts of the text that we do not have; the proposals are made of the others. */
  readonly unsupported: readonly string[];
}

/**
 * All proposals that the text stands for, in its order of preference: "aes256-aes128-sha256-ecp256-modp2048" are four.
 * An AEAD cipher without "prf…" gets the PRF of a hash in the text, else both PRFs. With `lenient`, what we do not have
 * is left out as long as a proposal remains. Throws ProposalTextError.
 */
export function readIkeProposals(text: string, lenient = false): ProposalReading<IkeProposal> {
  const { found, unsupported } = classify(text, ikeWords, lenient);
  const { encryption, integrity, prf, group } = found;
  if (encryption.length === 0)
    throw new ProposalTextError({
      code: 'proposal-without-cipher',
      text,
      known: wordsFor(ikeWords.encryption),
    });
  if (group.length === 0)
    throw new ProposalTextError({ code: 'proposal-without-group', text, known: wordsFor(ikeWords.group) });
  const proposals = encryption.flatMap((cipher): IkeProposal[] => {
    const aead = cipher.endsWith('gcm-16');
    if (!aead && !integrity.includes('sha256')) return [];
    const prfs = prf.length > 0 ? prf : impliedPrfs(cipher, integrity);
    return prfs.flatMap((function_) =>
      group.map((each) => ({
        encryption: cipher as IkeEncryption,
        integrity: aead ? ('none' as const) : ('hmac-sha2-256-128' as const),
        prf: function_ as IkePrf,
        group: Number(each) as IkeGroup,
      })),
    );
  });
  if (proposals.length === 0) {
    throw new ProposalTextError({ code: 'proposal-without-integrity', text });
  }
  return { proposals, unsupported };
}

/** The same for ESP: "aes256gcm16", "aes128gcm16-curve25519", "chacha20poly1305". Throws ProposalTextError. */
export function readEspProposals(text: string, lenient = false): ProposalReading<EspProposal> {
  const { found, unsupported } = classify(text, espWords, lenient);
  const { encryption, group } = found;
  if (encryption.length === 0) {
    throw new ProposalTextError({
      code: 'proposal-without-cipher',
      text,
      known: wordsFor(espWords.encryption),
    });
  }
  const groups = group.length > 0 ? group : ['none'];
  const proposals = encryption.flatMap((cipher) =>
    groups.map(
      (each): EspProposal => ({
        encryption: cipher as EspAlgorithm,
        ...(each !== 'none' && { group: Number(each) as IkeGroup }),
      }),
    ),
  );
  return { proposals, unsupported };
}

/** The text that readIkeProposals reads back to this one proposal. */
export function formatIkeProposal({ encryption, integrity, prf, group }: IkeProposal): string {
  const parts = [wordOf(ikeWords.encryption, encryption)];
  if (integrity !== 'none') parts.push('sha256');
  parts.push(wordOf(ikeWords.prf, prf), wordOf(ikeWords.group, String(group)));
  return parts.join('-');
}

/** The text that readEspProposals reads back to this one proposal. */
export function formatEspProposal({ encryption, group }: EspProposal): string {
  const cipher = wordOf(espWords.encryption, encryption);
  return group === undefined ? cipher : `${cipher}-${wordOf(espWords.group, String(group))}`;
}

type Words = ReadonlyMap<string, string>;
type Kind = 'encryption' | 'integrity' | 'prf' | 'group';

const groupWords: Words = new Map([
  ['curve25519', '31'],
  ['x25519', '31'],
  ['ecp256', '19'],
  ['modp2048', '14'],
]);
const gcmWords: Words = new Map([
  ['aes256gcm16', 'aes-256-gcm-16'],
  ['aes256gcm128', 'aes-256-gcm-16'],
  ['aes256gcm', 'aes-256-gcm-16'],
  ['aes128gcm16', 'aes-128-gcm-16'],
  ['aes128gcm128', 'aes-128-gcm-16'],
  ['aes128gcm', 'aes-128-gcm-16'],
]);
const ikeWords: Readonly<Record<Kind, Words>> = {
  encryption: new Map([
    ...gcmWords,
    ['aes256', 'aes-256-cbc'],
    ['aes128', 'aes-128-cbc'],
    ['aes', 'aes-128-cbc'],
  ]),
  integrity: new Map([
    ['sha256', 'sha256'],
    ['sha2_256', 'sha256'],
    ['sha384', 'sha384'],
    ['sha2_384', 'sha384'],
  ]),
  prf: new Map([
    ['prfsha256', 'hmac-sha2-256'],
    ['prfsha384', 'hmac-sha2-384'],
  ]),
  group: groupWords,
};
const espWords: Readonly<Record<Kind, Words>> = {
  encryption: new Map([...gcmWords, ['chacha20poly1305', 'chacha20-poly1305']]),
  integrity: new Map(),
  prf: new Map(),
  group: new Map([...groupWords, ['none', 'none']]),
};
/** Says what is the case anyway. */
const silentWords: ReadonlySet<string> = new Set(['noesn']);

const maximumWords = 32;

/** What we offer where the profile says nothing: all that we have, and stock strongSwan accepts. */
export const defaultIkeProposals: readonly IkeProposal[] = [
  'aes256gcm16-prfsha384-prfsha256-curve25519-ecp256-modp2048',
  'aes128gcm16-prfsha256-curve25519-ecp256-modp2048',
  'aes256-aes128-sha256-prfsha256-curve25519-ecp256-modp2048',
].flatMap((text) => readIkeProposals(text).proposals);

export const defaultEspProposals: readonly EspProposal[] = readEspProposals(
  'aes256gcm16-aes128gcm16-chacha20poly1305',
).proposals;

function classify(text: string, words: Readonly<Record<Kind, Words>>, lenient: boolean) {
  const parts = text.trim().toLowerCase().replace(/!$/, '').split('-');
  if (parts.length > maximumWords) throw new ProposalTextError({ code: 'proposal-too-long' });
  const found: Record<Kind, string[]> = { encryption: [], integrity: [], prf: [], group: [] };
  const unsupported: string[] = [];
  for (const part of parts) {
    if (silentWords.has(part)) continue;
    const kind = (Object.keys(found) as Kind[]).find((each) => words[each].has(part));
    if (kind === undefined) unsupported.push(part);
    else if (!found[kind].includes(words[kind].get(part)!)) found[kind].push(words[kind].get(part)!);
  }
  if (unsupported.length > 0 && !lenient)
    throw new ProposalTextError({
      code: 'proposal-part-unknown',
      part: unsupported[0]!,
      text,
      known: wordsFor(...Object.values(words)),
    });
  return { found, unsupported };
}

/** The first word for each algorithm: "aes256gcm16, aes128gcm16, …". */
function wordsFor(...words: readonly Words[]): string {
  const known = words.flatMap((each) =>
    [...new Map([...each].reverse().map(([a, b]) => [b, a])).values()].reverse(),
  );
  return known.join(', ');
}

function impliedPrfs(cipher: string, integrity: readonly string[]): readonly string[] {
  if (!cipher.endsWith('gcm-16')) return ['hmac-sha2-256'];
  const implied = integrity.map((hash) => (hash === 'sha384' ? 'hmac-sha2-384' : 'hmac-sha2-256'));
  if (implied.length > 0) return implied;
  return cipher === 'aes-256-gcm-16'
    ? ['hmac-sha2-384', 'hmac-sha2-256']
    : ['hmac-sha2-256', 'hmac-sha2-384'];
}

function wordOf(words: Words, value: string): string {
  for (const [word, meaning] of words) if (meaning === value) return word;
  throw new Error(`There is no word for ${value}.`);
}
