// Where the keys and secrets of vaults lie: locked memory outside the JavaScript heap, wiped when given back.

export interface LockedMemory {
  /** Zero-filled. */
  allocate(length: number): Uint8Array;
  /** Wipes. */
  free(secret: Uint8Array): void;
  addressOf(secret: Uint8Array): number;
}

/** Runs `use` with fresh locked bytes that are wiped afterwards, whatever happens. */
export async function withSecret<Result>(
  memory: LockedMemory,
  length: number,
  use: (secret: Uint8Array) => Promise<Result> | Result,
): Promise<Result> {
  const secret = memory.allocate(length);
  try {
    return await use(secret);
  } finally {
    memory.free(secret);
  }
}

/** A copy in locked memory, which the caller frees. */
export function keep(memory: LockedMemory, bytes: Uint8Array): Uint8Array {
  const secret = memory.allocate(bytes.length);
  secret.set(bytes);
  return secret;
}
