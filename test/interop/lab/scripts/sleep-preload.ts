// Preloaded into a service (`node --import`): the system's clock is replaced by one that a test can let sleep. The
// product itself has no such hook.
import { registerHooks } from 'node:module';

const clock = new URL('sleepy-clock.ts', import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    const isClock = found.url.endsWith('/native/libc-clock.ts') && context.parentURL !== clock;
    return isClock ? { ...found, url: clock } : found;
  },
});
