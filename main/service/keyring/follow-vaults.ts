// What follows when a vault is opened, locked, changed or taken away: connections whose keys are gone end at once, those
// that waited for them are tried again, and the filter rows in vaults come and go.
import type { Failure } from '../../control/failure.ts';
import { parseFilter } from '../configuration/filter-file.ts';
import { InvalidFileError } from '../configuration/problem.ts';
import type { Connection } from '../connection/connection.ts';
import type { UserFilter, UserRow } from '../filter/user-filter.ts';
import type { Log } from '../log.ts';
import type { Keyring } from './keyring.ts';

export interface FollowingParts {
  readonly keyring: Keyring;
  readonly connections: {
    readonly connections: readonly Connection[];
    onChange(changed: () => void): { close(): void };
  };
  readonly userFilter: UserFilter;
  readonly tunnel: { refresh(): Promise<void> };
}

const waitsForVault = new Set<Failure['code'] | undefined>([
  'vault-locked',
  'medium-removed',
  'vault-rolled-back',
  'vault-problem',
]);

export function followVaults(parts: FollowingParts, log: Log): { close(): void } {
  const { keyring, connections, userFilter, tunnel } = parts;
  const connectionWatch = connections.onChange(() => endWithoutKeys(parts, log));
  const vaultWatch = keyring.onChange(() => {
    endWithoutKeys(parts, log);
    retryWithKeys(parts);
    if (!userFilter.setVaultRows(vaultRows(keyring, log))) return;
    tunnel.refresh().catch((error: Error) => log('error', `filter rows of vaults: ${error.message}`));
  });
  const arrivalWatch = keyring.onArrival(() => retryByCard(parts));
  return {
    close() {
      arrivalWatch.close();
      connectionWatch.close();
      vaultWatch.close();
    },
  };
}

/** Before and while a connection agrees, it asks by itself for what is locked. */
function endWithoutKeys({ keyring, connections }: FollowingParts, log: Log): void {
  for (const connection of connections.connections) {
    const { profile, owner, model } = connection;
    if (model.phase !== 'running' && model.phase !== 'configuring') continue;
    const lacking = keyring.lacking(profile, owner);
    if (lacking === undefined) continue;
    log('warning', `${profile.name}: its keys are gone (${lacking.code})`, owner);
    connection.keysGone(lacking);
  }
}

function retryWithKeys({ keyring, connections }: FollowingParts): void {
  for (const connection of connections.connections) {
    const { profile, owner, model } = connection;
    if (model.phase !== 'stopped' || !waitsForVault.has(model.why?.code)) continue;
    if (keyring.lacking(profile, owner) === undefined) connection.retry();
  }
}

/** The card that opens what they wait for is in, and so is its medium: their owners are asked for the PIN. */
function retryByCard({ keyring, connections }: FollowingParts): void {
  for (const connection of connections.connections) {
    const { profile, owner, model } = connection;
    if (model.phase !== 'stopped' || !waitsForVault.has(model.why?.code)) continue;
    if (keyring.opensByCard(profile, owner)) connection.retry();
  }
}

function vaultRows(keyring: Keyring, log: Log): readonly UserRow[] {
  return keyring.filters().flatMap(({ vault, text }) => {
    try {
      return parseFilter(text, vault).map((row, index) => ({
        id: `vault-${vault}-${index + 1}`,
        row,
        origin: `vault ${vault}`,
      }));
    } catch (error) {
      if (!(error instanceof InvalidFileError)) throw error;
      log('warning', `the filter rows in the vault ${vault} cannot be used: ${error.message}`);
      return [];
    }
  });
}
