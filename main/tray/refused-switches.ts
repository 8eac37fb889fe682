// What the packaged app refuses to be started with: switches that would let another program of the user drive it, or
// take its sandbox away. Electron's fuses refuse the rest (ELECTRON_RUN_AS_NODE, NODE_OPTIONS, --inspect).
const refused = [
  'remote-debugging-port',
  'remote-debugging-pipe',
  'remote-debugging-address',
  'no-sandbox',
  'disable-web-security',
  'load-extension',
  'js-flags',
] as const;

/** The first of them that `has` finds among the program's switches. */
export function refusedSwitch(has: (name: string) => boolean): string | undefined {
  return refused.find(has);
}
