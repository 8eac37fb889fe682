// The bindings to the C library, against the real one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorNumber, lastErrorNumber, SystemCallError } from '../../native/libc.ts';
import {
  close,
  createEventDescriptor,
  drainEvent,
  ioctl,
  PollSet,
  pollEvent,
  raiseEvent,
  read,
} from '../../native/libc-io.ts';
import { allocateBlock, writeIovec, writeMessageHeader, writePointer } from '../../native/libc-memory.ts';
import { enterNetworkNamespace, getuid, interfaceIndex } from '../../native/libc-process.ts';
import {
  bind,
  getIntegerOption,
  getsockname,
  readSocketAddress,
  recvmsg,
  sendmsg,
  setIntegerOption,
  socket,
  socketFamily,
  socketLevel,
  socketOption,
  socketType,
  writeSocketAddress,
} from '../../native/libc-socket.ts';

test('a failed call leaves its error number behind', () => {
  const block = allocateBlock(8);
  assert.equal(read(-1, block.address, 8), -1);
  assert.equal(lastErrorNumber(), errorNumber.EBADF);
  assert.equal(ioctl(-1, 0x5413, block.address), -1);
  assert.equal(lastErrorNumber(), errorNumber.EBADF);
});

test('a system call error names the call, the subject and the reason', () => {
  assert.throws(
    () => enterNetworkNamespace('/nonexistent/namespace'),
    (error: unknown) =>
      error instanceof SystemCallError &&
      error.code === 'ENOENT' &&
      error.message === 'open (/nonexistent/namespace) failed: ENOENT',
  );
});

test('an event descriptor wakes a poll set once', () => {
  const descriptor = createEventDescriptor();
  const set = new PollSet([
    { descriptor: -1, events: pollEvent.readable },
    { descriptor, events: pollEvent.readable },
  ]);
  assert.equal(set.wait(0), 0);
  raiseEvent(descriptor);
  assert.equal(set.wait(-1), 1);
  assert.equal(set.readyEvents(0), 0);
  assert.equal(set.readyEvents(1), pollEvent.readable);
  assert.equal(drainEvent(descriptor), true);
  assert.equal(drainEvent(descriptor), false);
  assert.equal(set.wait(0), 0);
  close(descriptor);
});

test('a datagram crosses loopback by sendmsg and recvmsg', () => {
  const open = () => {
    const descriptor = socket(socketFamily.inet, socketType.datagram | socketType.nonBlocking, 0);
    const name = allocateBlock(28);
    const length = writeSocketAddress(name.view, 0, Uint8Array.of(127, 0, 0, 1), 0);
    assert.equal(bind(descriptor, name.address, length), 0);
    const lengthBlock = allocateBlock(8);
    lengthBlock.view.setUint32(0, 28, true);
    assert.equal(getsockname(descriptor, name.address, lengthBlock.address), 0);
    return { descriptor, name };
  };
  const sender = open();
  const receiver = open();
  const message = (name: number, nameLength: number, bytes: Uint8Array) => {
    const data = allocateBlock(64);
    data.bytes.set(bytes);
    const header = allocateBlock(56);
    const vector = allocateBlock(16);
    writeIovec(vector, 0, data.address, bytes.length || 64);
    writeMessageHeader(header, 0, {
      nameAddress: name,
      nameLength,
      iovecAddress: vector.address,
      iovecCount: 1,
      controlAddress: 0,
      controlLength: 0,
    });
    return { header, data, vector };
  };
  const outgoing = message(receiver.name.address, 16, Uint8Array.of(1, 2, 3));
  assert.equal(sendmsg(sender.descriptor, outgoing.header.address, 0), 3);
  const source = allocateBlock(28);
  const incoming = message(source.address, 28, new Uint8Array(0));
  assert.equal(recvmsg(receiver.descriptor, incoming.header.address, 0), 3);
  assert.deepEqual([...incoming.data.bytes.subarray(0, 3)], [1, 2, 3]);
  assert.deepEqual(readSocketAddress(source.view, 0), readSocketAddress(sender.name.view, 0));
  assert.equal(recvmsg(receiver.descriptor, incoming.header.address, 0), -1);
  assert.equal(lastErrorNumber(), errorNumber.EAGAIN);
  close(sender.descriptor);
  close(receiver.descriptor);
});

test('integer options are set and read', () => {
  const descriptor = socket(socketFamily.inet6, socketType.datagram, 0);
  assert.equal(setIntegerOption(descriptor, socketLevel.socket, socketOption.reuseAddress, 1), 0);
  assert.equal(getIntegerOption(descriptor, socketLevel.socket, socketOption.reuseAddress), 1);
  close(descriptor);
});

test('IPv6 socket addresses keep their bytes and port', () => {
  const block = allocateBlock(28);
  const address = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
  assert.equal(writeSocketAddress(block.view, 0, address, 4500, 7), 28);
  assert.deepEqual(readSocketAddress(block.view, 0), { address, port: 4500 });
  assert.equal(block.view.getUint32(24, true), 7);
});

test('pointers above four gigabytes are written whole', () => {
  const block = allocateBlock(8);
  writePointer(block.view, 0, 0x7fff_1234_5678);
  assert.equal(block.view.getBigUint64(0, true), 0x7fff_1234_5678n);
});

test('process facts', () => {
  assert.equal(getuid(), process.getuid?.());
  assert.equal(interfaceIndex('lo') > 0, true);
  assert.equal(interfaceIndex('no-such-link'), 0);
});
