// sealnic doctor --bundle: what helps whoever helps, without secrets and with stand-ins for names, as a ZIP archive.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { productVersion } from '../../control/version.ts';
import { bundleName, makeBundle, zipBundle } from '../../diagnostics/bundle.ts';
import { type Ask, gather } from '../../diagnostics/gather.ts';
import { type CommandContext, print, systemReason, UsageError } from '../terminal.ts';

/** `path`: a file, or a directory that ends in "/", in which the bundle gets a name of its own. */
export async function writeBundle(context: CommandContext, path: string): Promise<undefined> {
  const now = new Date(context.now());
  const gathered = await context.withService((client) => {
    const ask: Ask = (name, parameters) => client.call(name as 'status', parameters as never) as never;
    return gather(ask, { command: productVersion, node: process.version });
  });
  const files = makeBundle(gathered, randomBytes(32), now);
  const target = path.endsWith('/') ? `${path}${bundleName(now)}` : path;
  try {
    writeFileSync(target, zipBundle(files, now), { mode: 0o600 });
  } catch (error) {
    throw new UsageError(`cannot write ${target}: ${systemReason(error)}`);
  }
  print(context, { path: target, files }, [
    ...files.map(({ name }) => `  ${name}`),
    `${target}: look at it before you give it away; no secret is in it, and names and addresses are replaced.`,
  ]);
  return undefined;
}
