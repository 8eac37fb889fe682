// A process of the demo: what a person on the laptop does. Messages in: a TrafficTask. Messages out: a TrafficResult,
// and during a download one { received } every 100 ms.
import { createHash } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { get } from 'node:http';
import { connect } from 'node:net';

export type TrafficTask =
  | { readonly type: 'look-up'; readonly name: string }
  | { readonly type: 'fetch'; readonly url: string }
  | { readonly type: 'download'; readonly url: string }
  /** Is a TCP connection to be had within so long? */
  | {
      readonly type: 'knock';
      readonly address: string;
      readonly port: number;
      readonly limitMilliseconds: number;
    };

export type TrafficResult =
  | { readonly type: 'address'; readonly address: string }
  | { readonly type: 'page'; readonly status: number; readonly text: string }
  | { readonly type: 'file'; readonly bytes: number; readonly seconds: number; readonly intact: boolean }
  | { readonly type: 'knocked'; readonly open: boolean; readonly detail: string }
  | { readonly type: 'failed'; readonly detail: string };

export interface TrafficProgress {
  readonly received: number;
}

async function perform(task: TrafficTask): Promise<TrafficResult> {
  switch (task.type) {
    case 'look-up':
      return { type: 'address', address: (await lookup(task.name, 4)).address };
    case 'fetch':
      return await fetchPage(task.url);
    case 'download':
      return await download(task.url);
    case 'knock':
      return await knock(task.address, task.port, task.limitMilliseconds);
  }
}

function fetchPage(url: string): Promise<TrafficResult> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: 5000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('close', () => resolve({ type: 'page', status: response.statusCode ?? 0, text }));
    });
    request.on('timeout', () => request.destroy(new Error('no answer within 5 s')));
    request.on('error', reject);
  });
}

function download(url: string): Promise<TrafficResult> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    let received = 0;
    const hash = createHash('sha256');
    const progress = setInterval(() => process.send?.({ received } satisfies TrafficProgress), 100);
    const request = get(url, { agent: false, timeout: 10_000 }, (response) => {
      response.on('data', (part: Buffer) => {
        received += part.length;
        hash.update(part);
      });
      response.on('close', () => {
        clearInterval(progress);
        const seconds = (performance.now() - start) / 1000;
        const intact = hash.digest('hex') === response.trailers['x-sha256'];
        resolve({ type: 'file', bytes: received, seconds, intact });
      });
    });
    request.on('timeout', () => request.destroy(new Error('nothing arrived for 10 s')));
    request.on('error', (error) => {
      clearInterval(progress);
      reject(error);
    });
  });
}

function knock(address: string, port: number, limitMilliseconds: number): Promise<TrafficResult> {
  return new Promise((resolve) => {
    const attempt = connect({ host: address, port, timeout: limitMilliseconds });
    const end = (open: boolean, detail: string) => {
      attempt.destroy();
      resolve({ type: 'knocked', open, detail });
    };
    attempt.on('connect', () => end(true, 'connected'));
    attempt.on('timeout', () => end(false, `no answer within ${limitMilliseconds} ms`));
    attempt.on('error', (error: NodeJS.ErrnoException) => end(false, error.code ?? error.message));
  });
}

process.on('message', (task: TrafficTask) => {
  perform(task)
    .catch((error: Error): TrafficResult => ({ type: 'failed', detail: error.message }))
    .then((result) => process.send?.(result));
});
process.on('disconnect', () => process.exit(0));
