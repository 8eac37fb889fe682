// The two loops that touch every byte, with 128-bit SIMD, over the packet memory (AssemblyScript; see build/assembly.ts).
// Sums are taken over little-endian words and swapped at the end, which RFC 1071 section 2 (B) allows.

function fold(sum: u64): u32 {
  let folded = (sum & 0xffffffff) + (sum >> 32);
  folded = (folded & 0xffff) + ((folded >> 16) & 0xffff) + (folded >> 32);
  folded = (folded & 0xffff) + (folded >> 16);
  folded = (folded & 0xffff) + (folded >> 16);
  return <u32>(((folded & 0xff) << 8) | (folded >> 8));
}

function lanes(accumulator: v128): u64 {
  return (
    (<u64>i32x4.extract_lane(accumulator, 0) & 0xffffffff) +
    (<u64>i32x4.extract_lane(accumulator, 1) & 0xffffffff) +
    (<u64>i32x4.extract_lane(accumulator, 2) & 0xffffffff) +
    (<u64>i32x4.extract_lane(accumulator, 3) & 0xffffffff)
  );
}

/** Folded ones'-complement sum of big-endian 16-bit words; up to 65,535 bytes, so that no lane overflows. */
export function sum(offset: u32, length: u32): u32 {
  let place = offset;
  const end = offset + length;
  let first = i32x4.splat(0);
  let second = i32x4.splat(0);
  for (; place + 64 <= end; place += 64) {
    first = i32x4.add(first, i32x4.extadd_pairwise_i16x8_u(v128.load(place)));
    second = i32x4.add(second, i32x4.extadd_pairwise_i16x8_u(v128.load(place, 16)));
    first = i32x4.add(first, i32x4.extadd_pairwise_i16x8_u(v128.load(place, 32)));
    second = i32x4.add(second, i32x4.extadd_pairwise_i16x8_u(v128.load(place, 48)));
  }
  for (; place + 16 <= end; place += 16) {
    first = i32x4.add(first, i32x4.extadd_pairwise_i16x8_u(v128.load(place)));
  }
  let total: u64 = lanes(i32x4.add(first, second));
  for (; place + 2 <= end; place += 2) total += load<u16>(place);
  if (place < end) total += load<u8>(place);
  return fold(total);
}

/** Copies to a place that does not overlap, and sums as `sum` does. */
export function copyAndSum(source: u32, target: u32, length: u32): u32 {
  let place = source;
  let output = target;
  const end = source + length;
  let first = i32x4.splat(0);
  let second = i32x4.splat(0);
  for (; place + 64 <= end; place += 64, output += 64) {
    const a = v128.load(place);
    const b = v128.load(place, 16);
    const c = v128.load(place, 32);
    const d = v128.load(place, 48);
    v128.store(output, a);
    v128.store(output, b, 16);
    v128.store(output, c, 32);
    v128.store(output, d, 48);
    first = i32x4.add(first, i32x4.extadd_pairwise_i16x8_u(a));
    second = i32x4.add(second, i32x4.extadd_pairwise_i16x8_u(b));
    first = i32x4.add(first, i32x4.extadd_pairwise_i16x8_u(c));
    second = i32x4.add(second, i32x4.extadd_pairwise_i16x8_u(d));
  }
  for (; place + 16 <= end; place += 16, output += 16) {
    const a = v128.load(place);
    v128.store(output, a);
    first = i32x4.add(first, i32x4.extadd_pairwise_i16x8_u(a));
  }
  let total: u64 = lanes(i32x4.add(first, second));
  for (; place + 2 <= end; place += 2, output += 2) {
    const word = load<u16>(place);
    store<u16>(output, word);
    total += word;
  }
  if (place < end) {
    const byte = load<u8>(place);
    store<u8>(output, byte);
    total += byte;
  }
  return fold(total);
}

/** memmove. */
export function copy(source: u32, target: u32, length: u32): void {
  memory.copy(target, source, length);
}
