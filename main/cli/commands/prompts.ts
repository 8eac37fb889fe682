// sealnic prompts: what the service waits for, answered from a terminal or a script.
import type { Command } from 'commander';
import type { Prompt } from '../../control/prompt-values.ts';
import { formatDuration, formatTable } from '../format.ts';
import { promptWords } from '../prompt-words.ts';
import { questionOf } from '../prompting.ts';
import type { Runner } from '../runner.ts';
import { type CommandContext, print, UsageError } from '../terminal.ts';
import { firstLine } from './profiles.ts';

export function addPromptCommands(program: Command, run: Runner): void {
  const prompts = program
    .command('prompts')
    .description('PINs, passwords and codes that the service waits for');
  prompts.command('list').description('those that are for you').action(run(list));
  prompts
    .command('answer')
    .argument('[id]', 'without it: the oldest')
    .description('answer: typed without echo, or the first line of standard input')
    .option('--confirm-last-try', 'go on although a wrong answer blocks the card')
    .option('--store', 'have the service keep the answer, where it may')
    .action(run((context, id: string | undefined, options: AnswerOptions) => answer(context, id, options)));
  prompts
    .command('cancel')
    .argument('[id]', 'without it: the oldest')
    .description('say that no answer will come')
    .action(run((context, id: string | undefined) => cancel(context, id)));
}

interface AnswerOptions {
  readonly confirmLastTry?: true;
  readonly store?: true;
}

async function list(context: CommandContext): Promise<undefined> {
  const value = await context.withService((client) => client.call('prompts.list', {}));
  const columns = [{ title: 'ID' }, { title: 'WHAT' }, { title: 'FOR' }, { title: 'EXPIRES' }];
  const rows = value.prompts.map((prompt) => [
    prompt.id,
    promptWords[prompt.kind],
    [prompt.identity, prompt.card?.label, prompt.vault, prompt.profile].filter(Boolean).join(', '),
    `in ${formatDuration(Math.max(0, prompt.expiresAt - context.now()))}`,
  ]);
  print(context, value, rows.length === 0 ? ['Nothing is asked.'] : formatTable(columns, rows));
  return undefined;
}

async function answer(
  context: CommandContext,
  id: string | undefined,
  { confirmLastTry, store }: AnswerOptions,
): Promise<number | undefined> {
  return await context.withService(async (client) => {
    const prompt = choose((await client.call('prompts.list', {})).prompts, id);
    const chosen = id ?? prompt?.id ?? '';
    const given = prompt?.pinPad === true ? undefined : await read(context, prompt);
    if (given === 'interrupted') return 1;
    await client.call(
      'prompts.answer',
      {
        id: chosen,
        ...(confirmLastTry === true && { confirmLastTry }),
        ...(store === true && { store }),
      },
      given === undefined ? {} : { answer: given },
    );
    print(context, {}, ['Answered.']);
    return undefined;
  });
}

async function read(
  { terminal }: CommandContext,
  prompt: Prompt | undefined,
): Promise<Buffer | 'interrupted'> {
  if (!terminal.inputIsTerminal) return firstLine(await terminal.readAll());
  const question = prompt === undefined ? 'Answer' : questionOf(prompt);
  return (await terminal.askSecret(`${question}: `)) ?? 'interrupted';
}

async function cancel(context: CommandContext, id: string | undefined): Promise<undefined> {
  await context.withService(async (client) => {
    const chosen = id ?? choose((await client.call('prompts.list', {})).prompts, id)?.id ?? '';
    await client.call('prompts.cancel', { id: chosen });
  });
  print(context, {}, ['Cancelled.']);
  return undefined;
}

function choose(prompts: readonly Prompt[], id: string | undefined): Prompt | undefined {
  if (id !== undefined) return prompts.find((prompt) => prompt.id === id);
  const [oldest] = prompts;
  if (oldest === undefined) throw new UsageError('nothing is asked: sealnic prompts list');
  return oldest;
}
