// "Install service" for the AppImage: the image is mounted for its user alone and goes with the app, so the service is
// copied to a place that belongs to root. It goes through a pipe: root runs nothing that the user could still change.
import { spawn } from 'node:child_process';

/** Root's; `sealnic service uninstall` of the copy removes them. */
export const copyPrefix = '/usr/local';

/** Run by root with an archive of the service's folder as its input. */
export function copyScript(prefix = copyPrefix): string {
  return [
    'set -e',
    'umask 022',
    `to=${prefix}/lib/sealnic`,
    'rm -rf "$to.new"',
    'mkdir -p "$to.new"',
    'tar -x --no-same-owner --no-same-permissions -f - -C "$to.new"',
    'rm -rf "$to"',
    'mv "$to.new" "$to"',
    `mkdir -p ${prefix}/bin`,
    `ln -sfn "$to/sealnic" ${prefix}/bin/sealnic`,
    'exec "$to/sealnic" service install',
  ].join('; ');
}

/** The words that write the archive. */
export function archiveWords(folder: string): readonly string[] {
  return ['tar', '-C', folder, '-cf', '-', '.'];
}

/** Runs `words` with the archive as input; resolves to exit code and what was said. */
export function runWithArchive(
  words: readonly string[],
  folder: string,
): Promise<{ readonly exitCode: number; readonly said: string }> {
  const [program, ...programArguments] = archiveWords(folder);
  const [asker, ...asked] = words;
  return new Promise((resolve) => {
    const archive = spawn(program!, programArguments, { stdio: ['ignore', 'pipe', 'ignore'] });
    const child = spawn(asker!, asked, { stdio: [archive.stdout, 'pipe', 'pipe'] });
    // The child has its own copy of the pipe's end; with this one open, tar would not notice that nobody reads.
    archive.stdout.destroy();
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (part) => {
        said = `${said}${part}`.slice(-500);
      });
    }
    const failed = (error: Error) => resolve({ exitCode: 1, said: error.message });
    archive.once('error', failed);
    child.once('error', failed);
    child.once('close', (code) => resolve({ exitCode: code ?? 1, said: said.trim() }));
  });
}
