// Chooses how the platform is told to write no dump of this process, whose memory holds keys.

/** Before the first secret: a crash leaves no copy of this process's memory. Throws where the system refuses. */
export const forbidDumps: () => void = await loadForbidDumps();

async function loadForbidDumps(): Promise<() => void> {
  if (process.platform !== 'linux') return () => undefined;
  return (await import('../../../native/process-dumps.ts')).forbidDumps;
}
