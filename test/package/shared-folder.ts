// Folders that several tests of one run make use of: made by the first of them, removed with the run. A test that runs
// alone makes its own.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SharedFolder extends Disposable {
  readonly path: string;
}

/** `make` fills a path that does not exist yet. */
export function sharedFolder(name: string, make: (path: string) => void): SharedFolder {
  const ofRun = process.env.SEALNIC_TEST_RUN;
  if (ofRun !== undefined) {
    const path = join(ofRun, name);
    const complete = `${path}.complete`;
    if (!existsSync(complete)) {
      rmSync(path, { recursive: true, force: true });
      make(path);
      writeFileSync(complete, '');
    }
    return { path, [Symbol.dispose]: () => undefined };
  }
  const own = mkdtempSync(join(tmpdir(), 'sealnic-test-'));
  const dispose = () => rmSync(own, { recursive: true, force: true });
  try {
    make(join(own, name));
  } catch (error) {
    dispose();
    throw error;
  }
  return { path: join(own, name), [Symbol.dispose]: dispose };
}
