// The demo's DNS server: one name, one address, and an answer that a resolver accepts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerQuery } from '../../build/demo/dns-answer.ts';

function query(name: string, type = 1): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([
    Buffer.from('abcd01000001000000000000', 'hex'),
    ...labels,
    Buffer.from([0, 0, type, 0, 1]),
  ]);
}

test('the name has its address', () => {
  const answer = answerQuery(query('Files.office.test'), 'files.office.test', '10.20.0.10');
  assert.ok(answer);
  assert.equal(answer.readUInt16BE(0), 0xabcd);
  assert.equal(answer.readUInt16BE(2), 0x8580);
  assert.equal(answer.readUInt16BE(6), 1);
  assert.equal(answer.subarray(-4).join('.'), '10.20.0.10');
});

test('the name has no IPv6 address, and another name does not exist', () => {
  const other = answerQuery(query('files.office.test', 28), 'files.office.test', '10.20.0.10');
  assert.equal(other?.readUInt16BE(2), 0x8580);
  assert.equal(other?.readUInt16BE(6), 0);
  const unknown = answerQuery(query('nobody.office.test'), 'files.office.test', '10.20.0.10');
  assert.equal(unknown?.readUInt16BE(2), 0x8583);
});

test('what is not a query gets no answer', () => {
  const message = query('files.office.test');
  for (let length = 0; length < message.length; length++) {
    assert.equal(answerQuery(message.subarray(0, length), 'files.office.test', '10.20.0.10'), undefined);
  }
  message[2] = 0x80;
  assert.equal(answerQuery(message, 'files.office.test', '10.20.0.10'), undefined);
});
