// Answers the service's prompts while a command waits for it: typed without echo, or line by line from standard input.
import type { ControlClient } from '../control/client.ts';
import { ControlError } from '../control/failure.ts';
import type { Prompt, PromptFailure } from '../control/prompt-values.ts';
import { promptWords } from './prompt-words.ts';
import type { CommandContext } from './terminal.ts';

export interface PromptingOptions {
  /** Which of one's prompts belong to what the command does. */
  concerns(prompt: Prompt): boolean;
  /** Answers are the lines of standard input, in order; when they are used up, the next prompt is cancelled. */
  readonly fromInput: boolean;
  /** Have the service keep an answer where it may. */
  readonly store: boolean;
}

/** Runs `work` and answers its prompts meanwhile. Ctrl-C at a question cancels the prompt. */
export async function answeringPrompts<Value>(
  context: CommandContext,
  client: ControlClient,
  options: PromptingOptions,
  work: () => Promise<Value>,
): Promise<Value> {
  const prompting = new Prompting(context, client, options);
  const unsubscribe = await client.subscribe(({ prompts }) => prompting.follow(prompts));
  try {
    return await work();
  } finally {
    await prompting.end();
    await unsubscribe();
  }
}

/** One question, as a line of a terminal: "Password of alice@example.org for office (2 tries left): ". */
export function questionOf(prompt: Prompt): string {
  const { kind, profile, vault, card, identity, message, triesLeft } = prompt;
  const name = promptWords[kind];
  const subject = [
    name[0]!.toUpperCase() + name.slice(1),
    identity === undefined ? '' : ` of ${identity}`,
    card === undefined ? '' : ` of the card ${card.label}`,
    vault === undefined ? '' : ` of the vault ${vault}`,
    profile === undefined ? '' : ` for ${profile}`,
  ].join('');
  const asked = message === undefined || message === '' ? '' : ` ("${message}")`;
  const tries = triesLeft === undefined ? '' : ` (${triesLeft} ${triesLeft === 1 ? 'try' : 'tries'} left)`;
  return `${subject}${asked}${tries}`;
}

const failureWords: Readonly<Record<PromptFailure, string>> = {
  wrong: 'That was wrong.',
  'wrong-length': 'That has the wrong length.',
};

class Prompting {
  readonly #context: CommandContext;
  readonly #client: ControlClient;
  readonly #options: PromptingOptions;
  readonly #seen = new Set<string>();
  #current: { readonly id: string; readonly gone: AbortController; done: Promise<void> } | undefined;
  #lines: Buffer[] | undefined;
  #waiting: readonly Prompt[] = [];
  #ended = false;

  constructor(context: CommandContext, client: ControlClient, options: PromptingOptions) {
    this.#context = context;
    this.#client = client;
    this.#options = options;
  }

  follow(prompts: readonly Prompt[]): void {
    this.#waiting = prompts.filter((prompt) => this.#options.concerns(prompt));
    // Answered elsewhere, withdrawn or expired: the question goes away.
    if (this.#current !== undefined && !this.#waiting.some(({ id }) => id === this.#current?.id)) {
      this.#current.gone.abort();
    }
    this.#next();
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#current?.gone.abort();
    await this.#current?.done;
    for (const line of this.#lines ?? []) line.fill(0);
  }

  #next(): void {
    if (this.#ended || this.#current !== undefined) return;
    const prompt = this.#waiting.find(({ id }) => !this.#seen.has(id));
    if (prompt === undefined) return;
    this.#seen.add(prompt.id);
    const gone = new AbortController();
    const current = { id: prompt.id, gone, done: Promise.resolve() };
    this.#current = current;
    current.done = this.#serve(prompt, gone.signal).finally(() => {
      this.#current = undefined;
      this.#next();
    });
  }

  async #serve(prompt: Prompt, gone: AbortSignal): Promise<void> {
    const { terminal } = this.#context;
    try {
      if (prompt.failure !== undefined) terminal.writeError(`${failureWords[prompt.failure]}\n`);
      if (prompt.kind === 'card') terminal.writeError(`Insert the card${placeOf(prompt)} …\n`);
      else if (this.#options.fromInput) await this.#answerFromInput(prompt);
      else if (!terminal.inputIsTerminal) terminal.writeError(elsewhere(prompt));
      else if (prompt.pinPad) await this.#confirmPinPad(prompt, gone);
      else await this.#ask(prompt, gone);
    } catch (error) {
      // Whatever stands in its way, the outcome of the work tells.
      if (!(error instanceof ControlError)) throw error;
      if (error.failure.code === 'prompt-refused') await this.#cancel(prompt);
    }
  }

  async #ask(prompt: Prompt, gone: AbortSignal): Promise<void> {
    const confirmed = await this.#confirmLastTry(prompt, gone);
    if (confirmed === undefined) return;
    const answer = await this.#context.terminal.askSecret(`${questionOf(prompt)}: `, gone);
    if (gone.aborted) {
      answer?.fill(0);
      return;
    }
    if (answer === undefined || answer.length === 0) await this.#cancel(prompt);
    else await this.#answer(prompt, answer, confirmed);
  }

  async #confirmPinPad(prompt: Prompt, gone: AbortSignal): Promise<void> {
    const confirmed = await this.#confirmLastTry(prompt, gone);
    if (confirmed === undefined) return;
    this.#context.terminal.writeError(`${questionOf(prompt)}: type it on the card reader.\n`);
    await this.#client.call('prompts.answer', answerParameters(prompt, confirmed, false), {});
  }

  /** True: confirmed; false: not needed; undefined: no. */
  async #confirmLastTry(prompt: Prompt, gone: AbortSignal): Promise<boolean | undefined> {
    if (!prompt.lastTry) return false;
    const question = 'It is the last try: a wrong answer blocks the card. Type "yes" to go on: ';
    const answer = await this.#context.terminal.askSecret(question, gone);
    if (answer?.toString() === 'yes') return true;
    if (!gone.aborted) await this.#cancel(prompt);
    return undefined;
  }

  async #answerFromInput(prompt: Prompt): Promise<void> {
    this.#lines ??= linesOf(await this.#context.terminal.readAll());
    const line = this.#lines.shift();
    if (prompt.lastTry) this.#context.terminal.writeError(lastTryNeedsSomebody);
    if (line === undefined || prompt.lastTry) await this.#cancel(prompt);
    else await this.#answer(prompt, line, false);
  }

  async #answer(prompt: Prompt, answer: Buffer, confirmed: boolean): Promise<void> {
    const parameters = answerParameters(prompt, confirmed, this.#options.store);
    await this.#client.call('prompts.answer', parameters, { answer });
  }

  async #cancel({ id }: Prompt): Promise<void> {
    await this.#client.call('prompts.cancel', { id });
  }
}

const lastTryNeedsSomebody =
  'It is the last try: a wrong answer blocks the card. It wants somebody who confirms it, at a terminal.\n';

function answerParameters({ id, storable }: Prompt, confirmed: boolean, store: boolean) {
  return { id, ...(confirmed && { confirmLastTry: true }), ...(store && storable && { store: true }) };
}

function placeOf({ card, profile }: Prompt): string {
  return `${card === undefined ? '' : ` ${card.label}`}${profile === undefined ? '' : ` for ${profile}`}`;
}

function elsewhere(prompt: Prompt): string {
  return `${questionOf(prompt)}: answer it in the SealNIC window, or with: sealnic prompts answer ${prompt.id}\n`;
}

/** Copies; the whole is wiped. */
function linesOf(whole: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < whole.length; ) {
    const found = whole.indexOf(0x0a, start);
    const next = found === -1 ? whole.length : found;
    const end = next > start && whole[next - 1] === 0x0d ? next - 1 : next;
    if (end > start) lines.push(Buffer.from(whole.subarray(start, end)));
    start = next + 1;
  }
  whole.fill(0);
  return lines;
}
