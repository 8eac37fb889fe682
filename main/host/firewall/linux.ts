// The firewall on Linux: nftables, one transaction for each change.
import { failed, requireCommand, runCommand } from '../command/linux.ts';
import { rowIdOf } from './rows-linux.ts';
import { failClosedCounter, tappedCounter } from './ruleset-linux.ts';

/**
 * Carries out a file of nftables commands, all of it or nothing. `optional`: commands that go into the same step where
 * the kernel has what they need.
 */
export async function loadRuleset(text: string, optional = ''): Promise<void> {
  const { exitCode } = await runCommand(loadWords, text + optional);
  if (exitCode !== 0) await requireCommand(loadWords, text);
}

/** A table that is gone already is no error, nor is a family that the kernel does not have. */
export async function deleteTable(family: 'inet' | 'arp', name: string): Promise<void> {
  const text = `add table ${family} ${name}\ndelete table ${family} ${name}\n`;
  const { exitCode, stderr } = await runCommand(loadWords, text);
  if (exitCode !== 0 && !/not supported/i.test(stderr)) throw failed(loadWords, exitCode, stderr);
}

/** Counters of the table: rows by their id, "fail-closed" and "tapped". Empty where there is no such table. */
export async function readTableCounters(
  name: string,
): Promise<Map<string, { packets: number; bytes: number }>> {
  const counters = new Map<string, { packets: number; bytes: number }>();
  const words = ['nft', '-j', 'list', 'counters', 'table', 'inet', name];
  const { exitCode, stdout, stderr } = await runCommand(words);
  if (exitCode !== 0) {
    if (stderr.includes('No such file or directory')) return counters;
    throw failed(words, exitCode, stderr);
  }
  const listing: { nftables: readonly { counter?: CounterListing }[] } = JSON.parse(stdout);
  for (const { counter } of listing.nftables) {
    if (counter?.table !== name) continue;
    const key = keyOf(counter.name);
    if (key !== undefined) counters.set(key, { packets: counter.packets, bytes: counter.bytes });
  }
  return counters;
}

const loadWords = ['nft', '-f', '-'];

interface CounterListing {
  readonly table: string;
  readonly name: string;
  readonly packets: number;
  readonly bytes: number;
}

function keyOf(name: string): string | undefined {
  if (name === failClosedCounter) return 'fail-closed';
  return name === tappedCounter ? 'tapped' : rowIdOf(name);
}
