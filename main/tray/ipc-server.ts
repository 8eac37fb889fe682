// Main's side of the commands in ipc.ts: checks what the window sends, carries it out, answers with a value or a
// failure, never with an exception. Knows no Electron.
import { ControlError, type ControlFailure } from '../control/failure.ts';
import type { MethodName, MethodParameters } from '../control/schema.ts';
import {
  type CommandName,
  type CommandParameters,
  type CommandResult,
  commands,
  type Outcome,
  type OwnCommandName,
  type ServiceCommandName,
  serviceCommands,
} from './ipc.ts';
import { type DiagnosticsHost, diagnosticsHandlers } from './ipc-diagnostics-server.ts';
import { type KeysHost, keyHandlers } from './ipc-keys-server.ts';
import type { ServiceMirror } from './service-mirror.ts';
import { asksService } from './window-rules.ts';

/** What the commands need of the app around them. */
export interface IpcHost {
  readonly mirror: Pick<ServiceMirror, 'state' | 'call' | 'refresh'>;
  readonly visible: () => boolean;
  readonly settings: () => CommandResult<'settings.get'>;
  readonly changeSettings: (changes: CommandParameters<'settings.set'>) => void;
  readonly information: () => Promise<CommandResult<'app.information'>>;
  readonly copyDiagnostics: () => Promise<void>;
  /** Shows a web page in the person's browser. */
  readonly openPage: (url: string) => Promise<void>;
  readonly quit: () => void;
  readonly diagnostics: DiagnosticsHost;
  readonly keys: KeysHost;
  /** Milliseconds, rising. */
  readonly now: () => number;
  readonly wait: (milliseconds: number) => Promise<void>;
}

const tailEveryMilliseconds = 100;

export class IpcServer {
  readonly #host: IpcHost;
  readonly #own: {
    readonly [Name in OwnCommandName]: (
      parameters: CommandParameters<Name>,
    ) => CommandResult<Name> | Promise<CommandResult<Name>>;
  };
  #nextTailAt = 0;

  constructor(host: IpcHost) {
    this.#host = host;
    const { mirror } = host;
    const importText = (file: MethodParameters<'profiles.import'>, text: string, passphrase?: Uint8Array) =>
      mirror.call('profiles.import', file, {
        content: new TextEncoder().encode(text),
        ...(passphrase === undefined ? {} : { passphrase }),
      });
    this.#own = {
      'state.get': () => mirror.state,
      'state.refresh': () => (asksService('state.refresh', host.visible()) ? mirror.refresh() : mirror.state),
      'profiles.import': ({ text, passphrase, ...file }) => importText(file, text, passphrase),
      'profiles.validate': ({ fileName, text }) =>
        mirror.call('profiles.validate', { fileName }, { content: new TextEncoder().encode(text) }),
      'profiles.save': ({ profile, text, replace }) =>
        importText({ fileName: `${profile}.toml`, name: profile, replace }, text),
      'secrets.put': ({ name, kind, secret }) => mirror.call('secrets.put', { name, kind }, { secret }),
      'prompts.answer': ({ answer, ...parameters }) =>
        mirror.call('prompts.answer', parameters, answer === undefined ? {} : { answer }),
      'verdicts.tail': (parameters) => this.#tail(parameters),
      ...diagnosticsHandlers(host.diagnostics),
      ...keyHandlers(host.keys),
      'portal.open': async ({ profile }) => {
        const allowed = await mirror.call('connection.allowPortal', { profile });
        // Whoever runs the network chose the page; the service hands on web pages only, and so does this.
        if (/^https?:\/\//.test(allowed.url)) await host.openPage(allowed.url);
        return allowed;
      },
      'settings.get': () => host.settings(),
      'settings.set': (changes) => {
        host.changeSettings(changes);
        return host.settings();
      },
      'app.information': () => host.information(),
      'app.copyDiagnostics': async () => {
        await host.copyDiagnostics();
        return {};
      },
      'app.quit': () => {
        host.quit();
        return {};
      },
    };
  }

  /** Carries out one command. Both arguments come from outside. */
  async handle(name: unknown, parameters: unknown): Promise<Outcome<unknown>> {
    if (typeof name !== 'string' || !Object.hasOwn(commands, name)) {
      return { ok: false, failure: { code: 'unknown-method', method: String(name).slice(0, 100) } };
    }
    const command = name as CommandName;
    const checked = commands[command].parameters.safeParse(parameters);
    if (!checked.success) {
      wipeBytes(parameters);
      const issue = checked.error.issues[0];
      const detail = `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim();
      return { ok: false, failure: { code: 'invalid-request', method: command, detail } };
    }
    try {
      return { ok: true, value: await this.#carryOut(command, checked.data) };
    } catch (error) {
      return { ok: false, failure: failureOf(error) };
    } finally {
      wipeBytes(checked.data);
    }
  }

  #carryOut(name: CommandName, parameters: unknown): unknown {
    if (Object.hasOwn(serviceCommands, name)) {
      const method = name as ServiceCommandName & MethodName;
      return this.#host.mirror.call(method, parameters as MethodParameters<typeof method>);
    }
    return (this.#own[name as OwnCommandName] as (values: unknown) => unknown)(parameters);
  }

  /** At most ten times a second, whatever the page does. */
  async #tail(parameters: CommandParameters<'verdicts.tail'>): Promise<CommandResult<'verdicts.tail'>> {
    const { now, wait, visible, mirror } = this.#host;
    const startAt = Math.max(now(), this.#nextTailAt);
    this.#nextTailAt = startAt + tailEveryMilliseconds;
    if (startAt > now()) await wait(startAt - now());
    return asksService('verdicts.tail', visible())
      ? mirror.call('verdicts.tail', parameters)
      : { samples: [] };
  }
}

function failureOf(error: unknown): ControlFailure {
  if (error instanceof ControlError) return error.failure;
  return { code: 'internal', detail: error instanceof Error ? error.message : String(error) };
}

/** Secrets that came with a command do not stay in main's memory. */
function wipeBytes(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const each of Object.values(value)) if (each instanceof Uint8Array) each.fill(0);
}
