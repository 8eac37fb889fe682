// No dump of a process (setrlimit(2)), and no look into it but by root (prctl(2)).
import { forbidInspection, limitResource, resource } from '../../../native/process-rights.ts';

export function forbidDumps(): void {
  limitResource(resource.core, 0);
  forbidInspection();
}
