// Compiles the SIMD module of the packet path: main/engine/assembly → dist/packet.wasm. Needs nothing but asc.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
mkdirSync(`${root}/dist`, { recursive: true });

const { error, stderr } = await asc.main([
  'main/engine/assembly/packet.assembly.ts',
  '--baseDir',
  root,
  '--outFile',
  'dist/packet.wasm',
  '--runtime',
  'stub',
  '--importMemory',
  '--enable',
  'simd',
  '-O3',
  '--noAssert',
]);
if (error) {
  console.error(`The SIMD module did not compile: ${error.message}\n${stderr.toString()}`);
  process.exit(1);
}
