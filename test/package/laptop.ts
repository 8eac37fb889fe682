// A booted Debian with somebody at its seat: alice has a session there as a display manager opens it, with a screen, and
// bob is another user.
import { DebianComputer, debianRoot, eventually, type Finished } from './debian-root.ts';
import type { SharedFolder } from './shared-folder.ts';

export class Laptop {
  readonly computer: DebianComputer;
  readonly #root: SharedFolder;

  /** `medium`: what lies at /media/cdrom. */
  static async boot(medium: string): Promise<Laptop> {
    const root = debianRoot();
    const computer = await DebianComputer.boot(root.path, medium).catch((error: unknown) => {
      root[Symbol.dispose]();
      throw error;
    });
    const laptop = new Laptop(root, computer);
    try {
      laptop.#prepare();
    } catch (error) {
      await laptop.off();
      throw error;
    }
    return laptop;
  }

  private constructor(root: SharedFolder, computer: DebianComputer) {
    this.#root = root;
    this.computer = computer;
  }

  userNumber(user: string): string {
    return this.computer.must('id', '-u', user).trim();
  }

  /** The words that run `words` as the user, in her session. */
  as(user: string, ...words: readonly string[]): readonly string[] {
    const runtime = `/run/user/${this.userNumber(user)}`;
    const environment = [
      `HOME=/home/${user}`,
      `XDG_RUNTIME_DIR=${runtime}`,
      `DBUS_SESSION_BUS_ADDRESS=unix:path=${runtime}/bus`,
      'DISPLAY=:7',
    ];
    const becoming = ['setpriv', '--reuid', user, '--regid', user, '--clear-groups', '--'];
    return ['env', ...environment, ...becoming, ...words];
  }

  runAs(user: string, ...words: readonly string[]): Finished {
    return this.computer.run(...this.as(user, ...words));
  }

  /** Installs a package from the medium, and waits for the service. */
  async install(name: string): Promise<void> {
    const { computer } = this;
    computer.must('apt-get', 'install', '-y', '--no-install-recommends', `/media/cdrom/${name}`);
    await this.serves();
  }

  async serves(): Promise<void> {
    await eventually('running service', () =>
      this.computer.run('sealnic', 'status').exitCode === 0 ? true : undefined,
    );
  }

  async off(): Promise<void> {
    await this.computer.off();
    this.#root[Symbol.dispose]();
  }

  #prepare(): void {
    const { computer } = this;
    for (const user of ['alice', 'bob']) computer.must('useradd', '--create-home', user);
    // The test is root and shall see the user's tray.
    const rootMayUse = '<busconfig><policy context="mandatory"><allow user="root"/></policy></busconfig>';
    computer.runWith(rootMayUse, 'tee', '/etc/dbus-1/session-local.conf');
    const session = ['XDG_SEAT=seat0', 'XDG_SESSION_TYPE=x11', 'XDG_SESSION_CLASS=user'];
    computer.must(
      ...['systemd-run', '--unit=alice', '--uid=alice', '-p', 'PAMName=login'],
      ...session.flatMap((each) => ['-E', each]),
      ...['Xvfb', ':7', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'],
    );
  }
}
