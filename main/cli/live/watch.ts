// sealnic status --watch: a full-screen view on a terminal, else a line (or with --json a JSON line) a change.
import type { ControlClient } from '../../control/client.ts';
import { ControlError } from '../../control/failure.ts';
import type { Status } from '../../control/values.ts';
import { headLine } from '../commands/status.ts';
import { type CommandContext, isRefusal } from '../terminal.ts';
import { advance, type LiveModel, type Sample, withStatus } from './model.ts';
import { renderLive } from './render.ts';

const samplingMilliseconds = 1000;
const alternateScreen = '\u001b[?1049h\u001b[?25l';
const ordinaryScreen = '\u001b[?25h\u001b[?1049l';

/** Until the person quits, or the service goes away (then it throws ControlError). */
export async function watchStatus(context: CommandContext): Promise<void> {
  await context.withService(async (client) => {
    const ended = Promise.withResolvers<void>();
    // A call that fails first is what gets reported; nobody may be waiting for this one then.
    ended.promise.catch(() => undefined);
    const stopListening = context.terminal.onInterrupt(() => ended.resolve());
    client.onClose(() => ended.reject(new ControlError({ code: 'connection-lost', path: client.path })));
    try {
      if (context.terminal.outputIsTerminal && !context.json) await watchOnScreen(context, client, ended);
      else await watchAsLines(context, client, ended.promise);
    } finally {
      stopListening();
    }
  });
}

async function watchAsLines(
  context: CommandContext,
  client: ControlClient,
  ended: Promise<void>,
): Promise<void> {
  let before = '';
  await client.subscribe((status) => {
    const text = context.json ? JSON.stringify(status) : plainLine(context, status);
    if (text !== before) context.terminal.write(`${text}\n`);
    before = text;
  });
  await ended;
}

function plainLine(context: CommandContext, status: Status): string {
  if (status.connections.length === 0) return 'nothing is connected';
  return status.connections
    .map((connection) => headLine(connection, context.style, connection.since).replace(/ for 0 s$/, ''))
    .join(', ');
}

async function watchOnScreen(
  context: CommandContext,
  client: ControlClient,
  ended: PromiseWithResolvers<void>,
): Promise<void> {
  const { terminal } = context;
  let model: LiveModel | undefined;
  let cancelTimer: () => void = () => undefined;
  const draw = () => {
    if (model === undefined) return;
    const lines = renderLive(model, terminal.size(), context.style, context.now());
    terminal.write(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J`);
  };
  const tick = async () => {
    model = advance(model, await takeSample(context, client));
    draw();
    cancelTimer = context.schedule(() => void tick().catch(ended.reject), samplingMilliseconds);
  };
  terminal.write(alternateScreen);
  const stopKeys = terminal.onKey((key) => {
    if (key === 'q' || key === '\u001b' || key === '\u0003') ended.resolve();
  });
  const stopResizing = terminal.onResize(draw);
  try {
    await tick();
    await client.subscribe((status) => {
      if (model !== undefined) model = withStatus(model, status);
      draw();
    });
    await ended.promise;
  } finally {
    cancelTimer();
    stopKeys();
    stopResizing();
    terminal.write(ordinaryScreen);
  }
}

async function takeSample(context: CommandContext, client: ControlClient): Promise<Sample> {
  const [status, rows, children] = await Promise.all([
    client.call('status', {}),
    unlessRefused(client.call('filter.list', {})),
    unlessRefused(client.call('sa.list', {})),
  ]);
  for (const { profile, state, details } of status.connections) {
    if (state === 'connected' && details !== undefined && details.peers === undefined) {
      await unlessFailed(client.call('connection.measure', { profile }));
    }
  }
  return { at: context.now(), status, rows: rows?.rows, children: children?.children };
}

/** The connection may have ended meanwhile, or be somebody else's: the view goes on without. */
async function unlessFailed(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ControlError) || error.failure.code === 'connection-lost') throw error;
  }
}

async function unlessRefused<Value>(call: Promise<Value>): Promise<Value | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}
