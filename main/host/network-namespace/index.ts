// Network namespaces, where the platform has them.

/** Moves the calling thread into the network namespace of that path. Throws where there are none, or the system's reason. */
export const enterNetworkNamespace: (path: string) => void = await load();

async function load(): Promise<(path: string) => void> {
  if (process.platform === 'linux') return (await import('./linux.ts')).enterNetworkNamespace;
  return () => {
    throw new Error('There are no network namespaces on this system.');
  };
}
