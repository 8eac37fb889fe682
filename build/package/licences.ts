// The licences of the npm packages that are in the bundles, as one text.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './product.ts';

/** `inputs`: the files that the bundler took, relative to the project; `further`: packages beside the bundles. */
export function licenceText(inputs: readonly string[], further: readonly string[]): string {
  const names = new Set([...inputs.flatMap((path) => packageOf(path) ?? []), ...further]);
  return [...names]
    .sort()
    .map((name) => {
      const folder = join(projectRoot, 'node_modules', name);
      const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file));
      const texts = files.sort().map((file) => readFileSync(join(folder, file), 'utf8').trim());
      return `==== ${name} ${version} (${license})\n\n${texts.join('\n\n') || `Licence: ${license}`}\n`;
    })
    .join('\n');
}

function packageOf(path: string): string | undefined {
  const [, inside] = path.split(/^(?:.*\/)?node_modules\//);
  return inside === undefined ? undefined : /^(@[^/]+\/)?[^/]+/.exec(inside)?.[0];
}
