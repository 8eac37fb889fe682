// Carries out the commands of ipc-keys.ts. Knows no Electron.
import type { CommandParameters, CommandResult } from './ipc.ts';
import type { keyCommands } from './ipc-keys.ts';
import type { KeyDesk } from './key-desk.ts';
import type { ServiceMirror } from './service-mirror.ts';

type KeyCommand = keyof typeof keyCommands;

export interface KeysHost {
  readonly mirror: Pick<ServiceMirror, 'call'>;
  readonly desk: KeyDesk;
  /** undefined: the person chose none. */
  readonly chooseFile: (suggestedName: string, existing: boolean) => Promise<string | undefined>;
  /** The profile-less prompts that follow are the window's own. */
  readonly asksFor: (vault: string) => void;
}

type Handlers = {
  readonly [Name in KeyCommand]: (
    parameters: CommandParameters<Name>,
  ) => CommandResult<Name> | Promise<CommandResult<Name>>;
};

export function keyHandlers({ mirror, desk, chooseFile, asksFor }: KeysHost): Handlers {
  return {
    'vault.choose-file': async ({ suggestedName, existing }) => {
      const path = await chooseFile(suggestedName, existing);
      return path === undefined ? {} : { path };
    },
    'vault.make': async (parameters) => shownOnce(await desk.make(parameters)),
    'vault.open': (parameters) => {
      asksFor(parameters.vault);
      return desk.open(parameters);
    },
    'keys.add': ({ secret, ...parameters }) => mirror.call('keys.add', parameters, { secret }),
    'keys.add-compartment': async (parameters) => shownOnce(await desk.addCompartment(parameters)),
    'keys.add-protector': async (parameters) => shownOnce(await desk.addProtector(parameters)),
    'keys.remove-protector': async (parameters) => {
      await desk.removeProtector(parameters);
      return {};
    },
    'card.change-pin': ({ pin, ...parameters }) => mirror.call('card.change-pin', parameters, { pin }),
    'card.unblock': ({ pin, ...parameters }) => mirror.call('card.unblock', parameters, { pin }),
    'card.setup': ({ managementKey, ...parameters }) =>
      mirror.call('card.setup', parameters, { managementKey }),
    'card.put-certificate': ({ certificate, managementKey, ...parameters }) =>
      mirror.call('card.put-certificate', parameters, { certificate, managementKey }),
    'card.store': ({ managementKey, ...parameters }) =>
      mirror.call('card.store', parameters, { managementKey }),
    'card.erase': ({ managementKey, ...parameters }) =>
      mirror.call('card.erase', parameters, { managementKey }),
  };
}

/** The answer is copied for the window before anything else happens; then main's own copy goes. */
function shownOnce<Answer extends { recoveryCode?: Uint8Array | undefined }>(answer: Answer): Answer {
  setImmediate(() => answer.recoveryCode?.fill(0));
  return answer;
}
