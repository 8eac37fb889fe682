// Runs on the protected host: answers the traffic of the tests. Prints "ready" when every socket listens.
//   TCP 5001  "GET n" sends n bytes, "PUT n" reads n bytes; both end with the SHA-256 in a line of their own
//   UDP 5002  sends every datagram back
//   TCP 80, 443, 25, 8080  HTTP: "served on port N", or with /bytes/N that many bytes
//   UDP 53    DNS: every A question for *.office.test is answered with 10.1.0.2
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';

const listening = [
  serveTransfers(5001),
  serveEcho('udp4', 5002),
  serveEcho('udp6', 5002),
  serveNames(53),
  ...[80, 443, 25, 8080].map(serveHttp),
];
await Promise.all(listening);
process.stdout.write('ready\n');

async function serveTransfers(port: number): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (first: Buffer) => {
      const end = first.indexOf(10);
      const [verb, count] = first.subarray(0, end).toString('latin1').split(' ');
      if (verb === 'GET') void sendBytes(socket, Number(count));
      else receiveBytes(socket, Number(count), first.subarray(end + 1));
    });
  });
  server.listen(port, '::');
  await once(server, 'listening');
}

async function sendBytes(socket: Socket, count: number): Promise<void> {
  const hash = createHash('sha256');
  const block = Buffer.alloc(65536);
  for (let sent = 0, value = 1; sent < count; sent += block.length) {
    for (let at = 0; at < block.length; at += 4) {
      value = (Math.imul(value, 1664525) + 1013904223) >>> 0;
      block.writeUInt32LE(value, at);
    }
    const part = Buffer.from(block.subarray(0, Math.min(block.length, count - sent)));
    hash.update(part);
    if (!socket.write(part)) await once(socket, 'drain').catch(() => {});
    if (socket.destroyed) return;
  }
  socket.end(`${hash.digest('hex')}\n`);
}

function receiveBytes(socket: Socket, count: number, first: Buffer): void {
  const hash = createHash('sha256');
  let left = count;
  const take = (bytes: Buffer) => {
    hash.update(bytes);
    left -= bytes.length;
    if (left === 0) socket.end(`${hash.digest('hex')}\n`);
  };
  if (first.length > 0) take(first);
  socket.on('data', take);
}

async function serveEcho(family: 'udp4' | 'udp6', port: number): Promise<void> {
  const socket = createSocket(family === 'udp6' ? { type: family, ipv6Only: true } : { type: family });
  socket.on('error', () => {});
  socket.on('message', (message, peer) => socket.send(message, peer.port, peer.address, () => {}));
  socket.bind(port);
  await once(socket, 'listening');
}

async function serveHttp(port: number): Promise<void> {
  const server = createHttpServer((request, response) => {
    const count = /^\/bytes\/(\d+)$/.exec(request.url ?? '')?.[1];
    response.end(count === undefined ? `served on port ${port}\n` : Buffer.alloc(Number(count), 97));
  });
  server.listen(port, '::');
  await once(server, 'listening');
}

async function serveNames(port: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (question, peer) => {
    const answer = answerName(question);
    if (answer !== undefined) socket.send(answer, peer.port, peer.address, () => {});
  });
  socket.bind(port);
  await once(socket, 'listening');
}

/** RFC 1035 section 4: one question of type A or another, echoed; A inside office.test gets one record. */
function answerName(question: Buffer): Buffer | undefined {
  if (question.length < 17 || question.readUInt16BE(4) !== 1) return undefined;
  let at = 12;
  const labels: string[] = [];
  while (question[at] !== 0 && at < question.length) {
    labels.push(question.toString('latin1', at + 1, at + 1 + question[at]!));
    at += 1 + question[at]!;
  }
  const end = at + 5;
  const wanted = labels.join('.').endsWith('office.test') && question.readUInt16BE(at + 1) === 1;
  const header = Buffer.from(question.subarray(0, 12));
  header.writeUInt16BE(wanted ? 0x8580 : 0x8583, 2);
  header.writeUInt16BE(wanted ? 1 : 0, 6);
  header.writeUInt32BE(0, 8);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 1, 0, 2]);
  return Buffer.concat([header, question.subarray(12, end), ...(wanted ? [record] : [])]);
}
