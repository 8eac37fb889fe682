// Another program at the reader: takes the card "exclusive" or "shared", says "held", and at the end of its input lets go of
// it, with a reset where the second word says so. A process of its own: the calls block, and the test serves the card.
import { disposition, shareMode } from '../../../native/pcsc/binding.ts';
import { openPcsc } from '../../../native/pcsc/index.ts';
import { readerName } from '../../fakes/card/pcscd.ts';

const [mode, end] = process.argv.slice(2);
const pcsc = await openPcsc();
const { card } = pcsc.connect(
  pcsc.establishContext(),
  readerName,
  mode === 'exclusive' ? shareMode.exclusive : shareMode.shared,
);
process.stdout.write('held\n');
process.stdin.resume();
process.stdin.on('end', () => pcsc.disconnect(card, end === 'reset' ? disposition.reset : disposition.leave));
