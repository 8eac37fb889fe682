// The English words of messages, for the command line and the service's log. The window has its own languages.
import words from '../../resources/translations/messages.en.json' with { type: 'json' };
import type { Message } from './messages.ts';

/** "“70000” is no port (0 to 65535) and no range such as 8000-8080". */
export function englishOf(message: Message): string {
  const parameters = message as Readonly<Record<string, unknown>>;
  return words[message.code].replace(/\{\{(\w+)\}\}/g, (_, name: string) => String(parameters[name]));
}
