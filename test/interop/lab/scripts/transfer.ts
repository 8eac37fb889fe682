// transfer.ts GET|PUT ADDRESS COUNT: moves that many bytes over TCP port 5001 and compares the hashes of both ends.
// transfer.ts ECHO ADDRESS COUNT: that many UDP questions, one after the other; each must be answered.
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';

const [verb, address = '', countText] = process.argv.slice(2);
const count = Number(countText);
const began = performance.now();
if (verb === 'GET') await get();
else if (verb === 'PUT') await put();
else await echo();
process.stdout.write(`ok ${(performance.now() - began).toFixed(0)} ms\n`);
process.exit(0);

async function get(): Promise<void> {
  const socket = connect(5001, address);
  await once(socket, 'connect');
  socket.end(`GET ${count}\n`);
  const hash = createHash('sha256');
  let received = 0;
  let tail = '';
  for await (const chunk of socket) {
    const body = (chunk as Buffer).subarray(0, Math.max(0, count - received));
    hash.update(body);
    received += body.length;
    tail += (chunk as Buffer).toString('latin1', body.length);
  }
  compare(hash.digest('hex'), tail.trim());
}

async function put(): Promise<void> {
  const socket = connect(5001, address);
  await once(socket, 'connect');
  socket.write(`PUT ${count}\n`);
  const hash = createHash('sha256');
  const block = randomBytes(65536);
  for (let sent = 0; sent < count; sent += block.length) {
    const part = block.subarray(0, Math.min(block.length, count - sent));
    hash.update(part);
    if (!socket.write(part)) await once(socket, 'drain');
  }
  socket.end();
  let tail = '';
  for await (const chunk of socket) tail += (chunk as Buffer).toString('latin1');
  compare(hash.digest('hex'), tail.trim());
}

async function echo(): Promise<void> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.connect(5002, address);
  await once(socket, 'connect');
  for (let number = 0; number < count; number += 1) {
    const question = randomBytes(64 + (number % 1200));
    const answered = once(socket, 'message', { signal: AbortSignal.timeout(3000) });
    socket.send(question);
    const [answer] = (await answered) as [Buffer];
    compare(question.toString('hex'), answer.toString('hex'));
  }
}

function compare(mine: string, theirs: string): void {
  if (mine === theirs) return;
  process.stderr.write(`not what was sent: ${mine.slice(0, 64)} / ${theirs.slice(0, 64)}\n`);
  process.exit(1);
}
