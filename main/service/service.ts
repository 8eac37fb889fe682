// The service as the control endpoint sees it: every method, handed on to the part that does it.
import { ControlError } from '../control/failure.ts';
import type { ServiceApi, ServiceMethods } from '../control/service-api.ts';
import type { ConnectionStatus, Status } from '../control/values.ts';
import type { HostNetwork } from '../host/network.ts';
import type { Cards } from '../keys/card/contract.ts';
import type { CredentialStore } from '../keys/credentials/store.ts';
import { startCapture } from './capture/capture.ts';
import type { CardKeys } from './cards/card-keys.ts';
import type { CardProfiles } from './cards/card-profiles.ts';
import type { CardSetup } from './cards/card-setup.ts';
import { Connection } from './connection/connection.ts';
import type { Gateway } from './connection/gateway.ts';
import type { ConnectionManager } from './connection/manager.ts';
import type { UserFilter } from './filter/user-filter.ts';
import type { Keyring } from './keyring/keyring.ts';
import type { LogRing } from './log-ring.ts';
import { deleteAssociation, listAssociations, rekeyAssociation } from './methods/associations.ts';
import { cardHandlers, cardSummary } from './methods/cards.ts';
import { checkComputer, repairComputer } from './methods/doctor.ts';
import { explain, listFilter } from './methods/filter.ts';
import { addRow, moveRow, removeRow, replaceRow } from './methods/filter-change.ts';
import { keyHandlers } from './methods/keys.ts';
import type { ProfileBook } from './methods/profiles.ts';
import { promptHandlers } from './methods/prompts.ts';
import { listSecrets, putSecret, removeSecret } from './methods/secrets.ts';
import { connectionStatus, gatewayStatus } from './methods/status.ts';
import { vaultSummaries } from './methods/vault-summaries.ts';
import type { VerdictTail } from './methods/verdict-tail.ts';
import type { Prompts } from './prompts/prompts.ts';
import type { Tunnel } from './tunnel/tunnel.ts';
import { wallClock } from './wall-clock.ts';

export interface ServiceParts {
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly host: HostNetwork;
  readonly tunnel: Tunnel;
  readonly connections: ConnectionManager;
  readonly userFilter: UserFilter;
  readonly profiles: ProfileBook;
  readonly credentials: CredentialStore;
  readonly keyring: Keyring;
  readonly verdicts: VerdictTail;
  readonly log: LogRing;
  readonly prompts: Prompts;
  readonly cards: Cards;
  readonly cardKeys: CardKeys;
  readonly cardSetup: CardSetup;
  readonly cardProfiles: CardProfiles;
}

/** Binds the parts to the control endpoint's contract. */
export function createServiceApi(parts: ServiceParts): ServiceApi {
  const { version, connections } = parts;
  return {
    version,
    methods: createMethods(parts),
    ownerOf: (profile) => connections.ownerOf(profile),
    onStatusChange: (changed) => {
      const watches = [
        connections.onChange(changed),
        // Clients ask for the profiles anew with every status.
        parts.profiles.onChange(changed),
        parts.prompts.onChange(changed),
        parts.keyring.onChange(changed),
        parts.cards.onEvent(changed),
      ];
      return {
        close: () => {
          for (const watch of watches) watch.close();
        },
      };
    },
    startCapture: (parameters, _caller, sink) => startCapture(parts, parameters, sink),
  };
}

function createMethods(parts: ServiceParts): ServiceMethods {
  const { host, tunnel, connections, userFilter, profiles, credentials, verdicts } = parts;
  const statusOf = (connection: Connection | Gateway): ConnectionStatus =>
    connection instanceof Connection
      ? connectionStatus(connection, tunnel)
      : gatewayStatus(connection, tunnel, connections.connections);
  const filterParts = {
    tunnel,
    host,
    userFilter,
    profileExists: (name: string) => profiles.has(name),
    profileOf: (association: number) => profileOf(connections, association),
  };
  const status = (): Status => ({
    version: parts.version,
    startedAt: parts.startedAt,
    connections: [...connections.connections, ...connections.gateways].map(statusOf),
    drops: Object.fromEntries(
      Object.entries(tunnel.session?.data.snapshot().drops ?? {}).filter(([, packets]) => packets > 0),
    ),
    prompts: [...parts.prompts.all],
    vaults: vaultSummaries(parts.keyring, { uid: 0, administrator: true }),
    cards: cardSummary(parts.cards),
  });
  return {
    status,

    'connection.up': async ({ profile: name, wait, keepTrying }, { uid }) => {
      const profile = profiles.load(name);
      const connection = connections.up(profile, uid, keepTrying ?? profile.retry, profiles.text(name));
      const failure = wait ? await connections.settled(connection) : undefined;
      // Whoever does not wait for the connection may count on the block all the same.
      if (connection instanceof Connection) await connection.shut;
      if (failure !== undefined)
        throw new ControlError({ code: 'connection-failed', profile: name, failure });
      return statusOf(connection);
    },
    'connection.down': async ({ profile }) => {
      await connections.down(profile);
      return {};
    },
    'connection.retry': ({ profile }) => {
      connections.retry(profile);
      return {};
    },
    'connection.allowPortal': async ({ profile }) => {
      const { url, untilMilliseconds } = await connections.allowPortal(profile);
      return { url, until: wallClock(untilMilliseconds) };
    },
    'connection.measure': ({ profile }) => {
      connections.measure(profile);
      return {};
    },

    'profiles.list': () => ({
      profiles: profiles.list((name) => {
        const connection = [...connections.connections, ...connections.gateways].find(
          ({ profile }) => profile.name === name,
        );
        return connection === undefined ? 'disconnected' : statusOf(connection).state;
      }),
    }),
    'profiles.show': ({ profile }) => ({ profile, text: profiles.text(profile) }),
    'profiles.import': (parameters, caller, uploads) => profiles.import(parameters, caller, uploads),
    'profiles.validate': ({ fileName }, _caller, { content }) => ({
      problems: profiles.validate(fileName, content),
    }),
    'profiles.lockdown': ({ profile, on }) => {
      profiles.setLockdown(profile, on);
      return {};
    },
    'profiles.remove': ({ profile }) => {
      if (connections.ownerOf(profile) !== undefined)
        throw new ControlError({ code: 'profile-in-use', profile });
      profiles.remove(profile);
      connections.forget(profile);
      return {};
    },

    'filter.list': () => listFilter(filterParts),
    'filter.add': (parameters) => addRow(filterParts, parameters),
    'filter.replace': async (parameters) => {
      await replaceRow(filterParts, parameters);
      return {};
    },
    'filter.move': async (parameters) => {
      await moveRow(filterParts, parameters);
      return {};
    },
    'filter.remove': async ({ id }) => {
      await removeRow(filterParts, id);
      return {};
    },
    'filter.explain': (parameters) => explain(filterParts, parameters),

    'sa.list': () => listAssociations(connections, tunnel),
    'sa.rekey': ({ profile, layer }) => {
      rekeyAssociation(connections, tunnel, profile, layer);
      return {};
    },
    'sa.delete': ({ spi }) => {
      deleteAssociation(tunnel, spi);
      return {};
    },

    'secrets.put': ({ name, kind }, caller, { secret }) => {
      putSecret(credentials, caller, { name, kind }, secret);
      return {};
    },
    'secrets.list': () => ({ secrets: listSecrets(credentials, profiles.valid()) }),
    'secrets.remove': ({ name }, caller) => {
      removeSecret(credentials, caller, name);
      return {};
    },

    ...keyHandlers({ keyring: parts.keyring, store: credentials, validProfiles: () => profiles.valid() }),
    ...promptHandlers(parts.prompts),
    ...cardHandlers(parts),

    'doctor.check': async () => ({ findings: await checkComputer(host, tunnel) }),
    'doctor.repair': () => repairComputer(host, tunnel, connections),
    'terminal.information': async () => {
      const { hostName, links, defaultLink4, defaultLink6 } = await host.terminal();
      return {
        hostName,
        links: links.map(({ hardwareAddress, addresses, ...link }) => ({
          ...link,
          addresses: [...addresses],
          ...(hardwareAddress !== undefined && { hardwareAddress }),
        })),
        ...(defaultLink4 !== undefined && { defaultLink4 }),
        ...(defaultLink6 !== undefined && { defaultLink6 }),
      };
    },
    'log.tail': ({ everything, ...question }, { uid }) =>
      parts.log.tail({ ...question, owner: everything ? undefined : uid }),
    'verdicts.tail': ({ after, limit }) => ({ samples: verdicts.after(after, limit) }),
  };
}

function profileOf(connections: ConnectionManager, association: number): string | undefined {
  const client = connections.connections.find((connection) => connection.association === association);
  const gateway = connections.gateways.find(({ peers }) =>
    peers.some((peer) => peer.association === association),
  );
  return client?.profile.name ?? gateway?.profile.name;
}
