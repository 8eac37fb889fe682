import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindPcsc, PcscError, pcscCode } from '../../native/pcsc/binding.ts';
import { platform as darwin } from '../../native/pcsc/darwin.ts';
import { platform as linux } from '../../native/pcsc/linux.ts';
import { platform as win32 } from '../../native/pcsc/win32.ts';

test('a computer without the library is told by a typed error', () => {
  const absent = { ...linux, libraries: ['libpcsclite-that-is-not-there.so.1'] };
  assert.throws(
    () => bindPcsc(absent),
    (error: unknown) => error instanceof PcscError && error.code === pcscCode.noLibrary,
  );
});

test('the widths of each platform fit their structures', () => {
  // SCARD_READERSTATE: two addresses, three DWORDs, the ATR (33 or 36 bytes) and what aligns it.
  for (const [platform, atrBytes, packed] of [
    [linux, 33, false],
    [darwin, 33, true],
    [win32, 36, false],
  ] as const) {
    const bare = 16 + 3 * platform.dwordBytes + atrBytes;
    assert.equal(platform.readerStateBytes, packed ? bare : Math.ceil(bare / 8) * 8);
  }
  assert.equal(win32.controlCode(3400), 0x313520);
  assert.equal(linux.controlCode(3400), 0x42000d48);
});
