// Finds a gateway by its name, also while the system's own way to a resolver is shut or leads into the tunnel: root may
// ask the computer's name servers directly even then.
import { Resolver } from 'node:dns';
import { Resolver as AsynchronousResolver, lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { type IpAddress, parseAddress } from '../engine/packet/address.ts';

/** Where systemd-resolved lists whom it asks, while resolv.conf names only itself. */
const resolvedServersFile = '/run/systemd/resolve/resolv.conf';
const directTimeoutMilliseconds = 2000;

export interface NameServers {
  /** Addresses. */
  readonly servers: readonly string[];
  /** The computer asks others now, which the tunnel leads to. */
  readonly replaced: boolean;
}

/** Addresses of the name servers that the computer asks now; those behind a local stub are among them. */
export function systemNameServers(): readonly string[] {
  const servers = new Resolver().getServers().map(addressOfServer);
  const hasStub = servers.some(isLoopback);
  return [...new Set([...servers, ...(hasStub ? serversBehindStub() : [])])];
}

/** A literal address, or what the name stands for, preferred first. Rejects where nobody knows the name. */
export async function resolveName(name: string, nameServers: NameServers): Promise<readonly IpAddress[]> {
  const literal = parseAddress(name);
  if (literal !== undefined) return [literal];
  if (nameServers.replaced) return askDirectly(name, nameServers.servers);
  try {
    const found = await lookup(name, { all: true, order: 'verbatim' });
    return found.flatMap(({ address }) => parseAddress(address) ?? []);
  } catch (error) {
    // A stub that may not ask any further while all is shut: we may.
    return askDirectly(name, nameServers.servers).catch(() => Promise.reject(error));
  }
}

async function askDirectly(name: string, servers: readonly string[]): Promise<readonly IpAddress[]> {
  const usable = servers.filter((server) => !isLoopback(server));
  if (usable.length === 0) throw new Error('no name server to ask');
  const resolver = new AsynchronousResolver({ timeout: directTimeoutMilliseconds, tries: 2 });
  resolver.setServers(usable.map((server) => (server.includes(':') ? `[${server}]` : server)));
  const [six, four] = await Promise.allSettled([resolver.resolve6(name), resolver.resolve4(name)]);
  const texts = [six, four].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (texts.length === 0) throw four.status === 'rejected' ? four.reason : new Error(`no address of ${name}`);
  return texts.flatMap((text) => parseAddress(text) ?? []);
}

function serversBehindStub(): readonly string[] {
  try {
    const lines = readFileSync(resolvedServersFile, 'utf8').split('\n');
    return lines.flatMap((line) => /^nameserver\s+([0-9a-fA-F.:]+)\s*$/.exec(line)?.[1] ?? []);
  } catch {
    return [];
  }
}

function isLoopback(server: string): boolean {
  return server.startsWith('127.') || server === '::1';
}

/** node:dns names a server with an unusual port "192.0.2.1:5353" or "[2001:db8::1]:5353". */
function addressOfServer(server: string): string {
  const bracketed = /^\[(.*)\]:\d+$/.exec(server)?.[1];
  return bracketed ?? (server.includes('.') ? server.split(':')[0]! : server);
}
