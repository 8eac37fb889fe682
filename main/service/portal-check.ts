// Asks beside the tunnel, over plain HTTP, whether a captive portal answers in the place of others.
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import type { Endpoint, IpAddress } from '../engine/packet/address.ts';
import { loadOpenStream } from '../host/portal/index.ts';

/** What a server that is known answers when nobody intercepts: status 204, or 200 and a text that begins so. */
export interface PortalQuestion {
  /** http:// only: nobody can intercept anything else without an alarm. */
  readonly url: string;
  readonly text?: string | undefined;
}

export type PortalFinding =
  /** Nobody intercepts. */
  { readonly kind: 'open' } | { readonly kind: 'portal'; readonly url: string } | { readonly kind: 'silent' };

/** How portals are looked for. */
export interface PortalSearch {
  readonly questions: readonly PortalQuestion[];
  /** Never rejects. */
  ask(question: PortalQuestion, address: IpAddress, interfaceName: string): Promise<PortalFinding>;
}

export interface PortalCheckSurroundings {
  /** A connection beside the tunnel. May throw. */
  open(remote: Endpoint): Socket;
  /** After so long without an answer it is silent. */
  readonly limitMilliseconds: number;
}

/** An answer comes within seconds or not at all: whoever intercepts is near. */
const limitMilliseconds = 3000;

/** undefined where there is nothing to ask. `mark`: of our own packets. */
export function openPortalSearch({
  portalQuestions: questions,
  mark,
}: {
  readonly portalQuestions: readonly PortalQuestion[];
  readonly mark: number;
}): PortalSearch | undefined {
  if (questions.length === 0) return undefined;
  return {
    questions,
    async ask(question, address, interfaceName) {
      const openStream = await loadOpenStream().catch(() => undefined);
      if (openStream === undefined) return { kind: 'silent' };
      const open = (remote: Endpoint) => openStream(remote, { interfaceName, mark });
      return await askForPortal(question, address, { open, limitMilliseconds });
    },
  };
}

/** Asks the server of that question at one of its addresses. Never rejects. */
export async function askForPortal(
  question: PortalQuestion,
  address: IpAddress,
  { open, limitMilliseconds }: PortalCheckSurroundings,
): Promise<PortalFinding> {
  const url = new URL(question.url);
  const end = AbortSignal.timeout(limitMilliseconds);
  let socket: Socket | undefined;
  try {
    const stream = open({ address, port: Number(url.port || 80) });
    socket = stream;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = {
        createConnection: () => stream,
        signal: end,
        headers: { 'user-agent': 'SealNIC', 'cache-control': 'no-cache', connection: 'close' },
      };
      request(url, options, resolve).on('error', reject).end();
    });
    return judge(answer.statusCode ?? 0, answer.headers.location, await beginningOf(answer), question);
  } catch {
    return { kind: 'silent' };
  } finally {
    socket?.destroy();
  }
}

/** What an answer says; `location` as it came. */
export function judge(
  status: number,
  location: string | undefined,
  body: string,
  { url, text }: PortalQuestion,
): PortalFinding {
  if (status === 204 && text === undefined) return { kind: 'open' };
  if (status === 200 && text !== undefined && body.startsWith(text)) return { kind: 'open' };
  // A server that is overloaded intercepts nothing. 511: network authentication required (RFC 6585 section 6).
  if (status >= 500 && status !== 511) return { kind: 'silent' };
  const redirected = status >= 300 && status < 400 ? pageOf(location, url) : undefined;
  // Without a redirection, whoever opens the page that was asked for meets the portal.
  return { kind: 'portal', url: redirected ?? url };
}

const longestUrl = 1024;
const longestBeginning = 1024;

/** A web page to show to a person, or undefined: it was named by whoever runs the network. */
function pageOf(location: string | undefined, base: string): string | undefined {
  if (location === undefined || !URL.canParse(location, base)) return undefined;
  const page = new URL(location, base);
  if (page.protocol !== 'http:' && page.protocol !== 'https:') return undefined;
  page.username = '';
  page.password = '';
  return page.href.length > longestUrl ? undefined : page.href;
}

async function beginningOf(answer: IncomingMessage): Promise<string> {
  let body = '';
  answer.setEncoding('latin1');
  for await (const chunk of answer) {
    body += chunk;
    if (body.length >= longestBeginning) break;
  }
  return body.slice(0, longestBeginning);
}
