// A process of the demo: what lies behind the gateway. A small web server and a DNS server that knows one name.
// Arguments: the address to serve on. Message out: 'serving'.
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer, type ServerResponse } from 'node:http';
import { answerQuery } from './dns-answer.ts';
import { fileBytes, fileChunk, officeName, welcome } from './office.ts';

const address = process.argv[2]!;

const web = createServer((request, response) => {
  if (request.url === '/100MB') sendFile(response);
  else response.end(welcome);
});

/** The hash follows as a trailer, so that the other side can tell that all of it arrived unchanged. */
function sendFile(response: ServerResponse): void {
  const hash = createHash('sha256');
  const chunk = fileChunk();
  response.writeHead(200, { 'content-type': 'application/octet-stream', trailer: 'x-sha256' });
  let left = fileBytes;
  const fill = () => {
    while (left > 0) {
      const part = chunk.subarray(0, Math.min(left, chunk.length));
      left -= part.length;
      hash.update(part);
      if (!response.write(part)) {
        response.once('drain', fill);
        return;
      }
    }
    response.addTrailers({ 'x-sha256': hash.digest('hex') });
    response.end();
  };
  fill();
}

const names = createSocket('udp4', (query, remote) => {
  const answer = answerQuery(query, officeName, address);
  if (answer !== undefined) names.send(answer, remote.port, remote.address);
});

process.on('disconnect', () => process.exit(0));
names.bind(53, address, () => web.listen(80, address, () => process.send?.('serving')));
