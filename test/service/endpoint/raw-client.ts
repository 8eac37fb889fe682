// A control client without manners: sends any bytes, and reads what comes back frame by frame.
import { connect, type Socket } from 'node:net';
import { encodeJson, FrameDecoder, frameType, maximumAnswerBytes } from '../../../main/control/frame.ts';

export interface Answer {
  readonly id?: unknown;
  readonly method?: string;
  readonly result?: unknown;
  readonly error?: { code: number; data?: { code?: string } };
}

export class RawClient {
  readonly socket: Socket;
  readonly answers: Answer[] = [];
  readonly closed: Promise<void>;
  #arrived: () => void = () => undefined;

  constructor(path: string) {
    this.socket = connect(path);
    const decoder = new FrameDecoder(maximumAnswerBytes);
    this.socket.on('error', () => undefined);
    this.socket.on('data', (chunk) => {
      for (const frame of decoder.push(chunk)) {
        if (frame.type === frameType.json) this.answers.push(JSON.parse(frame.text));
      }
      this.#arrived();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        resolve();
        this.#arrived();
      });
    });
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  request(id: unknown, method: unknown, params: unknown = {}): void {
    this.send(encodeJson({ jsonrpc: '2.0', id, method, params }));
  }

  /** Waits for so many answers; undefined when the connection ended before. */
  async answer(index: number): Promise<Answer | undefined> {
    while (this.answers.length <= index && !this.socket.destroyed) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    return this.answers[index];
  }

  end(): void {
    this.socket.destroy();
  }
}
