// The bundle for whoever helps, in the window: made once, shown, and what was shown is what is saved.
import { randomBytes } from 'node:crypto';
import { productVersion } from '../control/version.ts';
import { type BundleFile, bundleName, makeBundle, zipBundle } from '../diagnostics/bundle.ts';
import { type Ask, gather } from '../diagnostics/gather.ts';

export interface BundleSurroundings {
  readonly ask: Ask;
  /** False: the person chose no place. */
  saveFile(suggestedName: string, content: Uint8Array): Promise<boolean>;
}

export class BundleDesk {
  readonly #surroundings: BundleSurroundings;
  #shown: { readonly files: readonly BundleFile[]; readonly at: Date } | undefined;

  constructor(surroundings: BundleSurroundings) {
    this.#surroundings = surroundings;
  }

  async make(): Promise<{ files: BundleFile[] }> {
    const at = new Date();
    const versions = { app: productVersion, ...runtimeVersions() };
    const files = makeBundle(await gather(this.#surroundings.ask, versions), randomBytes(32), at);
    this.#shown = { files, at };
    return { files: [...files] };
  }

  /** Nothing is saved that was not shown. */
  async save(): Promise<{ saved: boolean }> {
    if (this.#shown === undefined) return { saved: false };
    const { files, at } = this.#shown;
    return { saved: await this.#surroundings.saveFile(bundleName(at), zipBundle(files, at)) };
  }
}

function runtimeVersions(): Record<string, string> {
  const { electron, chrome, node } = process.versions;
  return { ...(electron !== undefined && { electron }), ...(chrome !== undefined && { chrome }), node };
}
