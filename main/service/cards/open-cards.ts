// The cards of this computer as the service's configuration has them: PIV directly, others by PKCS#11 modules.
import { allCards } from '../../keys/card/all-cards.ts';
import type { Cards } from '../../keys/card/contract.ts';
import { PivCards } from '../../keys/card/piv-cards.ts';
import { Pkcs11Cards } from '../../keys/card/pkcs11/pkcs11-cards.ts';
import { distrustFile } from '../../keys/card/pkcs11/trusted-file/index.ts';
import { startCardWorkers } from '../../keys/card/workers.ts';
import type { ServiceClock } from '../clock.ts';
import type { ServiceConfiguration } from '../configuration/configuration.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import type { Log } from '../log.ts';

/** Nothing is looked for before `start`. Modules are left out where others than root may write what names them. */
export function openCards(
  { source, pkcs11 }: ServiceConfiguration,
  memory: SecretMemory,
  clock: ServiceClock,
  log: Log,
): Cards {
  const schedule = (afterMilliseconds: number, call: () => void) =>
    clock.schedule(clock.now() + afterMilliseconds, call);
  const warn = (text: string) => log('warning', text);
  const problem = pkcs11.modules.length === 0 ? undefined : distrustFile(source, true);
  if (problem !== undefined) warn(`no PKCS#11 module is loaded: ${source}, which names them, ${problem}`);
  const modules = problem === undefined ? pkcs11.modules : [];
  const takesPiv = pkcs11.piv && modules.length > 0;
  const { user, environment } = pkcs11;
  const tokens = { modules, user, environment, ignorePiv: !takesPiv, memory, schedule, warn };
  const piv = () => new PivCards({ workers: startCardWorkers(), memory, schedule });
  return allCards([...(takesPiv ? [] : [piv()]), ...(modules.length === 0 ? [] : [new Pkcs11Cards(tokens)])]);
}
