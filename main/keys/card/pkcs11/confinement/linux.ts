// Gives up all that a PKCS#11 module has no use for.
import {
  becomeAccount,
  closeInherited,
  endWithParent,
  findAccount,
  forbidInspection,
  forbidNewPrivileges,
  limitResource,
  resource,
} from '../../../../../native/process-rights.ts';

const mostMemory = 1024 * 1024 * 1024;
const mostFiles = 256;

/** For good. `kept`: how many of the first descriptors stay. Throws where anything of it fails. */
export function confine(user: string, kept: number): void {
  closeInherited(kept);
  process.umask(0o077);
  process.chdir('/');
  limitResource(resource.core, 0);
  limitResource(resource.files, mostFiles);
  limitResource(resource.data, mostMemory);
  forbidNewPrivileges();
  if (process.getuid?.() === 0) {
    const account = findAccount(user);
    if (account === undefined) throw new Error(`there is no user ${user}`);
    if (account.uid === 0 || account.gid === 0) throw new Error(`the user ${user} has root's rights`);
    becomeAccount(user, account);
  }
  forbidInspection();
  endWithParent();
}
