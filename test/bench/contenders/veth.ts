// No tunnel at all: what the link itself can do.
import type { Contender } from './contender.ts';

export const plainVeth: Contender = {
  name: 'plain veth',
  programs: [],
  open: async (pair) => ({ serverAddress: pair.serverAddress, processes: [] }),
};
