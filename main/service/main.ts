// The service's process: puts the parts together, takes up what an earlier process was doing, and serves until it is
// told to stop.
import { randomBytes, randomFillSync } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, parse as parsePath } from 'node:path';
import { getSystemErrorMessage } from 'node:util';
import { englishOf } from '../control/english.ts';
import { exitCodes } from '../control/failure.ts';
import type { Message } from '../control/messages.ts';
import { parseServiceOptions, ServiceOptionError, type ServiceOptions } from '../control/service-options.ts';
import type { Finding } from '../control/values.ts';
import { productVersion } from '../control/version.ts';
import type { IpAddress } from '../engine/packet/address.ts';
import type { AssociationId } from '../engine/sa/parameters.ts';
import { forbidDumps } from '../host/dumps/index.ts';
import { openHostNetwork } from '../host/network/index.ts';
import type { CardDescription, CardEvent } from '../keys/card/contract.ts';
import { openCredentialStore } from '../keys/credentials/store.ts';
import { Authenticator } from './agreement/authenticator.ts';
import { ikeConfigurationOf } from './agreement/ike-configuration.ts';
import { CardKeys, type UnlockedKey } from './cards/card-keys.ts';
import { CardProfiles } from './cards/card-profiles.ts';
import { CardSetup } from './cards/card-setup.ts';
import { openCards } from './cards/open-cards.ts';
import { ServiceClock } from './clock.ts';
import { loadConfiguration, type ServiceConfiguration } from './configuration/configuration.ts';
import { InvalidFileError } from './configuration/problem.ts';
import { ConnectionManager } from './connection/manager.ts';
import { DataThread } from './data/proxy.ts';
import { startEndpoint } from './endpoint/endpoint.ts';
import { systemRights } from './endpoint/rights.ts';
import { UserFilter } from './filter/user-filter.ts';
import { SecretMemory } from './keying/secret-memory.ts';
import { followVaults } from './keyring/follow-vaults.ts';
import { Keyring } from './keyring/keyring.ts';
import { createLog, type Log } from './log.ts';
import { LogRing } from './log-ring.ts';
import { checkComputer, repairComputer } from './methods/doctor.ts';
import { ProfileBook } from './methods/profiles.ts';
import { VerdictTail } from './methods/verdict-tail.ts';
import { openPortalSearch } from './portal-check.ts';
import type { Profile } from './profile/contract.ts';
import { parseProfile } from './profile/parse.ts';
import { Prompts } from './prompts/prompts.ts';
import { resolveName, systemNameServers } from './resolve.ts';
import { createServiceApi, type ServiceParts } from './service.ts';
import { Tunnel } from './tunnel/tunnel.ts';
import { wallClock } from './wall-clock.ts';
import { type WantedConnection, WantedConnections } from './wanted.ts';

await main();

async function main(): Promise<void> {
  try {
    const options = parseServiceOptions(process.argv.slice(2));
    checkGivenProfiles(options);
    const configuration = loadConfiguration(options.configurationPath, process.env);
    await run(options, configuration);
  } catch (error) {
    // What a person can act on is one line; anything else keeps its stack for whoever mends it.
    const known = error instanceof InvalidFileError || (error instanceof Error && error.name !== 'TypeError');
    const text = known ? plainMessage(error) : ((error as Error)?.stack ?? error);
    process.stderr.write(`sealnic service: ${text}\n`);
    process.exitCode = error instanceof ServiceOptionError ? exitCodes.usage : exitCodes.failed;
  }
}

/** "EACCES: permission denied, mkdir '/var/lib/sealnic'" in words. */
function plainMessage(error: Error): string {
  const { errno, code, path } = error as NodeJS.ErrnoException;
  if (errno === undefined || path === undefined) return error.message;
  const refused = code === 'EACCES' || code === 'EPERM';
  return `${path} cannot be used: ${getSystemErrorMessage(errno)}${refused ? '; the service runs as root' : ''}`;
}

/** A person who names a file waits for what is in it: better no service than one without it. */
function checkGivenProfiles({ profileFiles, gateway }: ServiceOptions): void {
  for (const file of profileFiles) readGivenProfile(file);
  if (gateway === undefined) return;
  if (readGivenProfile(gateway).role === 'gateway') return;
  throw new ServiceOptionError(`${gateway} is a profile of a client; a gateway needs role = "gateway"`);
}

function readGivenProfile(file: string): Profile {
  try {
    return parseProfile(readFileSync(file, 'utf8'), nameOfProfile(file), file);
  } catch (error) {
    if (error instanceof InvalidFileError) throw new ServiceOptionError(error.message.replaceAll('\n', '; '));
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    throw new ServiceOptionError(`${file} cannot be read: ${getSystemErrorMessage(errno)}`);
  }
}

function nameOfProfile(file: string): string {
  return parsePath(file).name;
}

async function run(options: ServiceOptions, configuration: ServiceConfiguration): Promise<void> {
  forbidDumps();
  mkdirSync(configuration.stateDirectory, { recursive: true, mode: 0o700 });
  const underSystemd = process.env.JOURNAL_STREAM !== undefined;
  const ring = new LogRing(Date.now);
  const log = ring.recording(
    createLog(configuration.logLevel, underSystemd, (line) => process.stderr.write(line)),
  );
  const service = compose(options, configuration, log, ring);
  if (options.task !== 'run') {
    await doTask(options.task, service);
    return;
  }
  await serve(options, configuration, service, log);
}

interface Composition {
  readonly parts: ServiceParts;
  readonly wanted: WantedConnections;
  readonly clock: ServiceClock;
}

function compose(
  options: ServiceOptions,
  configuration: ServiceConfiguration,
  log: Log,
  ring: LogRing,
): Composition {
  const secrets = new SecretMemory();
  const clock = new ServiceClock();
  const time = {
    now: () => clock.now(),
    schedule: (atMilliseconds: number, call: () => void) => clock.schedule(atMilliseconds, call),
  };
  const host = openHostNetwork({ journal: configuration.journal });
  const credentials = openCredentialStore(configuration.credentialDirectory, secrets);
  const userFilter = new UserFilter(configuration.filter);
  const wanted = new WantedConnections(configuration.stateDirectory);
  const verdicts = new VerdictTail(() => tunnel);
  const prompts = new Prompts({
    secrets,
    ...time,
    wallClock,
    randomId: () => randomBytes(16).toString('base64url'),
    timeoutMilliseconds: configuration.promptTimeoutMilliseconds,
  });
  const cards = openCards(configuration, secrets, clock, log);
  const cardKeys = new CardKeys({ cards, prompts, secrets });
  const keyring = new Keyring({
    memory: secrets,
    store: credentials,
    directory: join(configuration.stateDirectory, 'vaults'),
    prompts,
    cards: [cards],
    log,
  });
  const cardProfiles = new CardProfiles({ cards, cardKeys, secrets, credentials: keyring });
  const tunnel = new Tunnel({
    host,
    userFilter,
    configuration,
    secrets,
    machinery: {
      prepareDataThread: (memory) => DataThread.prepare(memory),
      ...time,
      random: (bytes) => randomFillSync(bytes),
    },
    nameServers: systemNameServers,
    listener: {
      agreementNeeded: (association) => connections.agreementNeeded(association),
      verdict: (sample) => verdicts.record(sample),
      warning: (text) => log('warning', text),
      failed: (error) => {
        log('error', `the data thread failed: ${error.message}`);
        connections.sessionFailed(error.message);
      },
    },
  });
  const connections = new ConnectionManager({
    tunnel,
    wanted,
    authenticator: new Authenticator(
      keyring,
      { prompts, secrets },
      { keys: cardKeys, profiles: cardProfiles },
    ),
    resolve: resolveName,
    unlock: (profile, owner, signal) => keyring.ready(profile, owner, signal),
    kept: keyring.kept,
    freeSecret: (secret) => secrets.free(secret),
    ikeConfiguration: (
      profile: Profile,
      association: AssociationId,
      localAddress: IpAddress | undefined,
      key?: UnlockedKey,
      owner?: number,
    ) => ikeConfigurationOf(profile, association, localAddress, keyring, key, owner),
    ...time,
    log,
    portalSearch: openPortalSearch(configuration),
  });
  const further = [...options.profileFiles, ...(options.gateway === undefined ? [] : [options.gateway])];
  const profiles = new ProfileBook(
    configuration.profileDirectory,
    further,
    credentials,
    keyring,
    cardProfiles,
  );
  const parts = {
    version: productVersion,
    startedAt: Date.now(),
    host,
    tunnel,
    connections,
    userFilter,
    profiles,
    credentials,
    keyring,
    verdicts,
    log: ring,
    prompts,
    cards,
    cardKeys,
    cardSetup: new CardSetup({ cards, cardKeys, cardProfiles, prompts, secrets }),
    cardProfiles,
  };
  return { parts, wanted, clock };
}

/** For a computer whose service is dead: one line of JSON, as the method of the same name answers. */
async function doTask(task: 'check' | 'repair', { parts, wanted }: Composition): Promise<void> {
  const { host, tunnel } = parts;
  const result =
    task === 'check'
      ? { findings: await checkComputer(host, tunnel) }
      : await repairWithoutService(parts, wanted);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** Whoever repairs gives up what the dead service was doing: the next one does not take it up again. */
async function repairWithoutService(
  { host, tunnel, connections }: ServiceParts,
  wanted: WantedConnections,
): Promise<{ repaired: Message[]; findings: Finding[] }> {
  const forgotten = wanted.all.map(({ profile }) => profile);
  // First: killed from here on, the next service takes back what this one did not.
  for (const profile of forgotten) wanted.remove(profile);
  const { repaired, findings } = await repairComputer(host, tunnel, connections);
  const told = forgotten.map((profile): Message => ({ code: 'change-wanted', profile }));
  return { repaired: [...told, ...repaired], findings };
}

async function serve(
  options: ServiceOptions,
  configuration: ServiceConfiguration,
  { parts, wanted, clock }: Composition,
  log: Log,
): Promise<void> {
  const { host, connections, profiles, tunnel, verdicts, prompts, cards } = parts;
  const endpoint = await startEndpoint({
    path: configuration.controlSocket,
    api: createServiceApi(parts),
    rights: systemRights(configuration.controlGroup),
    report: (message, error) => log('error', `${message}: ${error instanceof Error ? error.stack : error}`),
  });
  // An earlier process may have been killed: what it changed is undone, what must stay shut stays shut.
  await undoEarlier();
  tunnel.prepare();
  const vaultWatch = followVaults(parts, log);
  await parts.keyring.start();
  // All in one go, so that the first one's block is every one's.
  const broughtUp = wanted.all.map((connection) => bringUpAgain(connection));
  if (broughtUp.includes(false)) tunnel.keepEarlier();
  await tunnel.refresh().catch((error: Error) => log('error', `the filter: ${error.message}`));
  const watch = host.watchTerminal(() => {
    connections
      .networkChanged()
      .catch((error: Error) => log('warning', `change of network: ${error.message}`));
  });
  const sleepWatch = clock.watchSleep((sleptMilliseconds) => {
    log('info', `the computer slept for ${Math.round(sleptMilliseconds / 1000)} s`);
    connections.wokeUp(sleptMilliseconds);
  });
  const cardWatch = cards.onEvent((event) => {
    if (event.type === 'removed') connections.cardRemoved(event.card.id);
    if (event.type === 'inserted') void takeIn(event.card);
    if (event.type !== 'changed') log('info', `cards: ${describeCardEvent(event)}`);
  });
  if (configuration.cards) cards.start();
  const owner = process.getuid?.() ?? 0;
  const gateway = options.gateway === undefined ? [] : [nameOfProfile(options.gateway)];
  for (const name of [...options.up, ...gateway]) {
    attempt(name, () => connections.up(profiles.load(name), owner, true, profiles.text(name)));
  }
  log('info', `SealNIC ${productVersion} serves at ${configuration.controlSocket}`);

  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  log('info', 'stopping');
  watch.close();
  sleepWatch.close();
  verdicts.close();
  prompts.close();
  vaultWatch.close();
  cardWatch.close();
  await connections.suspend();
  connections.abandon();
  parts.keyring.close();
  await tunnel.abandon().catch((error: Error) => log('error', `left behind: ${error.message}`));
  await endpoint.close();
  // A worker that waits for a card would keep the process from ending.
  await cards.close();
  process.exit(0);

  /** What lies on it first: a connection may wait for just that. */
  async function takeIn(card: CardDescription): Promise<void> {
    // Whoever waits for its key is asked for the PIN at once; what lies on it beside takes a moment more.
    connections.cardInserted(card);
    await parts.cardProfiles.read(card);
    connections.cardInserted(card);
  }

  async function undoEarlier(): Promise<void> {
    try {
      const undone = await host.undo({ keepFailClosed: wanted.all.length > 0 });
      for (const change of undone) log('info', `undone after an earlier service: ${englishOf(change)}`);
    } catch (error) {
      // What could not be taken back stays in the journal; that is no reason to serve nobody.
      log('error', `left by an earlier service: ${messageOf(error)}`);
    }
  }

  /** A profile that has been spoilt or removed since is taken as it was: it stays in force until the user says down. */
  function bringUpAgain({ profile: name, owner, text }: WantedConnection): boolean {
    return attempt(name, () => {
      let profile: Profile;
      try {
        profile = profiles.load(name);
      } catch (error) {
        if (text === undefined) throw error;
        log('warning', `${name} is taken as it was when it was brought up: ${messageOf(error)}`);
        connections.up(parseProfile(text, name), owner, true);
        return;
      }
      connections.up(profile, owner, true, profiles.text(name));
    });
  }

  function attempt(name: string, bringUp: () => void): boolean {
    try {
      bringUp();
      return true;
    } catch (error) {
      log('error', `${name} cannot be brought up: ${messageOf(error)}`);
      return false;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** No name of a card's holder: everybody's log. */
function describeCardEvent(event: Exclude<CardEvent, { type: 'changed' }>): string {
  switch (event.type) {
    case 'inserted':
      return `inserted in ${event.card.reader}${event.card.problem ? ` (${event.card.problem.message})` : ''}`;
    case 'removed':
      return `removed from ${event.card.reader} (${event.reason})`;
    case 'readers':
      return `${event.state}${event.readers.length === 0 ? '' : `: ${event.readers.join(', ')}`}`;
  }
}
