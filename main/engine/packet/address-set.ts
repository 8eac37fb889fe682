// A set of IP addresses of both families, kept as merged ranges: what routes and firewalls are computed from.
import {
  type AddressFamily,
  type AddressPrefix,
  type AddressRange,
  addressToNumber,
  type IpAddress,
  numberToAddress,
  rangeContains,
  rangeToPrefixes,
} from './address.ts';

/** Immutable. Its ranges are sorted (IPv4 first), do not overlap and do not touch. */
export class AddressSet {
  readonly ranges: readonly AddressRange[];

  constructor(ranges: Iterable<AddressRange> = []) {
    const all = [...ranges];
    this.ranges = families.flatMap((family) => toRanges(merge(toIntervals(all, family)), family));
  }

  union(other: AddressSet): AddressSet {
    return new AddressSet([...this.ranges, ...other.ranges]);
  }

  /** What is in this set and not in `other`. */
  subtract(other: AddressSet): AddressSet {
    return new AddressSet(
      families.flatMap((family) => {
        const rest = subtract(toIntervals(this.ranges, family), toIntervals(other.ranges, family));
        return toRanges(rest, family);
      }),
    );
  }

  intersect(other: AddressSet): AddressSet {
    return this.subtract(this.subtract(other));
  }

  contains(address: IpAddress): boolean {
    return this.ranges.some((range) => rangeContains(range, address));
  }

  containsSet(other: AddressSet): boolean {
    return other.subtract(this).isEmpty;
  }

  get isEmpty(): boolean {
    return this.ranges.length === 0;
  }

  /** The fewest prefixes that cover exactly this set, in order. */
  toPrefixes(): AddressPrefix[] {
    return this.ranges.flatMap(rangeToPrefixes);
  }
}

interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

const families: readonly AddressFamily[] = [4, 6];

function toIntervals(ranges: readonly AddressRange[], family: AddressFamily): Interval[] {
  return ranges
    .filter((range) => range.first.family === family)
    .map((range) => ({ first: addressToNumber(range.first), last: addressToNumber(range.last) }));
}

function toRanges(intervals: readonly Interval[], family: AddressFamily): AddressRange[] {
  return intervals.map(({ first, last }) => ({
    first: numberToAddress(first, family),
    last: numberToAddress(last, family),
  }));
}

/** Sorted, with what overlaps or touches joined. */
function merge(intervals: readonly Interval[]): Interval[] {
  const sorted = intervals.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: Interval[] = [];
  for (const interval of sorted) {
    const previous = merged.at(-1);
    if (!previous || interval.first > previous.last + 1n) merged.push(interval);
    else if (interval.last > previous.last) {
      merged[merged.length - 1] = { first: previous.first, last: interval.last };
    }
  }
  return merged;
}

/** Both sorted and merged. */
function subtract(from: readonly Interval[], holes: readonly Interval[]): Interval[] {
  const rest: Interval[] = [];
  let nextHole = 0;
  for (const interval of from) {
    let { first } = interval;
    while (nextHole < holes.length && holes[nextHole]!.last < first) nextHole += 1;
    for (let index = nextHole; index < holes.length && holes[index]!.first <= interval.last; index += 1) {
      const hole = holes[index]!;
      if (hole.first > first) rest.push({ first, last: hole.first - 1n });
      if (hole.last + 1n > first) first = hole.last + 1n;
    }
    if (first <= interval.last) rest.push({ first, last: interval.last });
  }
  return rest;
}
