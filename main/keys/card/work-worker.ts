// A worker that speaks to cards, one piece of work after the other: the calls block, for as long as somebody types a PIN.
import { parentPort } from 'node:worker_threads';
import { openPcsc } from '../../../native/pcsc/index.ts';
import { CardSessions } from './card-session.ts';
import { doCardWork } from './card-work.ts';
import { CardError } from './contract.ts';
import type { CardReply, CardRequest } from './worker-messages.ts';

const sessions = await openPcsc().then(
  (pcsc) => new CardSessions(pcsc),
  () => undefined,
);

parentPort?.on('message', (request: CardRequest) => {
  parentPort?.postMessage(answer(request));
});

function answer({ id, reader, work }: CardRequest): CardReply {
  try {
    if (sessions === undefined)
      throw new CardError('no-library', 'this computer has no library for smart cards');
    return { id, result: doCardWork(sessions, reader, work) };
  } catch (error) {
    if (error instanceof CardError) {
      const { problem, message, triesLeft } = error;
      return { id, problem, message, triesLeft };
    }
    return { id, problem: 'bad-answer', message: String(error), triesLeft: undefined };
  }
}
