// One packet capture for the window: for a chosen time, into a file that the person chose, with its progress.
import { closeSync, openSync, writeSync } from 'node:fs';
import type { CaptureListener } from '../control/client.ts';
import type { MethodParameters } from '../control/schema.ts';
import type { CaptureState } from './ipc-diagnostics.ts';
import { notWritten } from './save-file-failure.ts';

export interface CaptureSurroundings {
  /** Starts it; the function that comes back stops it. Throws ControlError. */
  start(
    parameters: MethodParameters<'capture.start'>,
    listener: CaptureListener,
  ): Promise<() => Promise<void>>;
  /** undefined: the person chose no place. */
  askForFile(suggestedName: string): Promise<string | undefined>;
  /** Milliseconds since 1970. */
  now(): number;
  schedule(call: () => void, milliseconds: number): () => void;
}

const wholePackets = 65_535;
/** RFC draft-ietf-opsawg-pcapng, section 4.3: the Enhanced Packet Block. */
const packetBlock = 6;

export class CaptureDesk {
  readonly #surroundings: CaptureSurroundings;
  #state: CaptureState = { state: 'none' };
  #asking = false;
  #stop: () => void = () => undefined;

  constructor(surroundings: CaptureSurroundings) {
    this.#surroundings = surroundings;
  }

  get state(): CaptureState {
    return this.#state;
  }

  /** False: there was no place chosen, or one runs already. Throws ControlError. */
  async begin(side: 'adapter' | 'wire', seconds: number): Promise<boolean> {
    if (this.#asking || this.#state.state === 'running') return false;
    this.#asking = true;
    const path = await this.#surroundings.askForFile(`sealnic-${side}.pcapng`).finally(() => {
      this.#asking = false;
    });
    if (path === undefined) return false;
    const file = openOwn(path);
    const startedAt = this.#surroundings.now();
    const counts = { bytes: 0, packets: 0 };
    const running = { side, path, startedAt, endsAt: startedAt + seconds * 1000 };
    let open = true;
    const end = (droppedPackets: number, detail?: string) => {
      if (!open) return;
      open = false;
      cancel();
      closeSync(file);
      this.#state = {
        ...running,
        ...counts,
        state: 'ended',
        endsAt: this.#surroundings.now(),
        droppedPackets,
        ...(detail !== undefined && { detail }),
      };
    };
    let cancel: () => void = () => undefined;
    this.#state = { ...running, ...counts, state: 'running' };
    try {
      const stop = await this.#surroundings.start(
        { side, snapLength: wholePackets },
        {
          data: (block) => {
            if (!open) return;
            try {
              writeSync(file, block);
            } catch (error) {
              this.#stop();
              end(0, error instanceof Error ? error.message : String(error));
              return;
            }
            counts.bytes += block.length;
            counts.packets += packetsIn(block);
            this.#state = { ...running, ...counts, state: 'running' };
          },
          ended: ({ droppedPackets, detail }) => end(droppedPackets, detail),
        },
      );
      this.#stop = () => void stop().catch(() => end(0));
    } catch (error) {
      end(0);
      this.#state = { state: 'none' };
      throw error;
    }
    if (open) cancel = this.#surroundings.schedule(() => this.#stop(), seconds * 1000);
    return true;
  }

  /** What was captured so far stays in the file. */
  end(): void {
    this.#stop();
  }
}

/** Blocks come whole: type and length, 4 bytes each in the order of bytes of this computer. */
function packetsIn(blocks: Buffer): number {
  let packets = 0;
  for (let offset = 0; offset + 8 <= blocks.length; ) {
    if (blocks.readUInt32LE(offset) === packetBlock) packets++;
    offset += Math.max(12, blocks.readUInt32LE(offset + 4));
  }
  return packets;
}

function openOwn(path: string): number {
  try {
    return openSync(path, 'w', 0o600);
  } catch (error) {
    throw notWritten(path, error);
  }
}
