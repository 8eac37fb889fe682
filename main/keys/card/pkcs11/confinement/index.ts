// How a process is confined on the platform that this runs on.

/** Throws where it cannot be done: then no module may be loaded. */
export async function confineProcess(user: string, kept: number): Promise<void> {
  if (process.platform !== 'linux') throw new Error('modules are not confined on this system yet');
  const { confine } = await import('./linux.ts');
  confine(user, kept);
}
