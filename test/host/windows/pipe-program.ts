// Runs in node.exe: makes a named pipe with an SDDL descriptor, reads it back, and looks at who opened it.
import { once } from 'node:events';
import { connect } from 'node:net';
import { closeHandle, WindowsCallError } from '../../../native/kernel32.ts';
import { accessOf, clientProcessOf, clientUserOf, createGuardedPipe } from '../../../native/named-pipe.ts';

const name = '\\\\.\\pipe\\sealnic-test';
/** The system and administrators everything; who is logged on here, reading and writing but no instances of their own. */
const descriptor = 'D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;0x12019b;;;IU)';

function numberOf(work: () => unknown): unknown {
  try {
    work();
    return 'none';
  } catch (error) {
    return error instanceof WindowsCallError ? error.number : String(error);
  }
}

const pipe = createGuardedPipe(name, descriptor);
const access = accessOf(pipe);
const wrong = numberOf(() => createGuardedPipe(`${name}-2`, 'nonsense'));
const client = connect(name);
await once(client, 'connect');
client.write('x');
console.log(
  JSON.stringify({
    access,
    wrong,
    isThisProcess: clientProcessOf(pipe) === process.pid,
    isUser: /^S-1-5-(\d+-)*\d+$/.test(clientUserOf(pipe)),
  }),
);
client.destroy();
closeHandle(pipe);
