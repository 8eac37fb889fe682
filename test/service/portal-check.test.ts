import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { formatAddress, parseAddress } from '../../main/engine/packet/address.ts';
import { askForPortal, judge } from '../../main/service/portal-check.ts';

const question = { url: 'http://detect.test/check', text: 'success' };
const portal = (url: string) => ({ kind: 'portal', url });

test('what an answer says', () => {
  assert.deepEqual(judge(200, undefined, 'success\n', question), { kind: 'open' });
  assert.deepEqual(judge(204, undefined, '', { url: question.url }), { kind: 'open' });
  assert.deepEqual(judge(200, undefined, '<html>Welcome', question), portal(question.url));
  assert.deepEqual(judge(204, undefined, '', question), portal(question.url));
  assert.deepEqual(judge(511, undefined, '', question), portal(question.url));
  assert.deepEqual(judge(503, undefined, '', question), { kind: 'silent' });
  assert.deepEqual(judge(302, 'https://login.test/?a=b', '', question), portal('https://login.test/?a=b'));
  assert.deepEqual(judge(302, '/here', '', question), portal('http://detect.test/here'));
});

test('a page that nobody should open is not handed on', () => {
  const hostile = [
    'javascript:alert(1)',
    'file:///etc/passwd',
    `http://x.test/${'a'.repeat(2000)}`,
    'http://[',
  ];
  for (const location of hostile) {
    assert.deepEqual(judge(302, location, '', question), portal(question.url), location);
  }
  const named = judge(302, 'http://me:secret@login.test/\r\n\u001b[31m', '', question);
  assert.equal(named.kind === 'portal' && /^http:\/\/login\.test\/[\x21-\x7e]*$/.test(named.url), true);
});

async function askServer(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    return await askForPortal(
      { url: `http://detect.test:${port}/check`, text: 'success' },
      parseAddress('127.0.0.1')!,
      {
        open: ({ address, port: remote }) => connect(remote, formatAddress(address)),
        limitMilliseconds: 20_000,
      },
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('the server is asked by its name at the address that was given', async () => {
  let asked = '';
  const found = await askServer((request, response) => {
    asked = `${request.method} ${request.url} ${request.headers.host?.split(':')[0]}`;
    response.end('success\n');
  });
  assert.deepEqual(found, { kind: 'open' });
  assert.equal(asked, 'GET /check detect.test');
});

test('an answer without end is read no further than its beginning', async () => {
  const found = await askServer((_request, response) => {
    const pour = () => {
      while (!response.destroyed && response.write('x'.repeat(10_000)));
      response.once('drain', pour);
    };
    pour();
  });
  assert.equal(found.kind, 'portal');
});

test('who is not there, hangs up or talks nonsense is silent', async () => {
  const ask = (open: () => ReturnType<typeof connect>) =>
    askForPortal(question, parseAddress('127.0.0.1')!, { open, limitMilliseconds: 20_000 });
  const server = createTcpServer((socket) => socket.resume().end('SSH-2.0-nothing\r\n')).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  assert.deepEqual(await ask(() => connect(port, '127.0.0.1')), { kind: 'silent' });
  server.close();
  await once(server, 'close');
  assert.deepEqual(await ask(() => connect(port, '127.0.0.1')), { kind: 'silent' });
  const refused = () => {
    throw new Error('ENETUNREACH');
  };
  assert.deepEqual(await ask(refused), { kind: 'silent' });
});

test('who never answers is given up', async () => {
  const server = createTcpServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const found = await askForPortal(question, parseAddress('127.0.0.1')!, {
    open: () => connect(port, '127.0.0.1'),
    limitMilliseconds: 50,
  });
  assert.deepEqual(found, { kind: 'silent' });
  server.close();
});
