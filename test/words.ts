// What a message says in English, with straight quotation marks, so that tests can match it.
import { englishOf } from '../main/control/english.ts';
import type { Message } from '../main/control/messages.ts';

export function wordsIn(message: Message): string {
  return straight(englishOf(message));
}

export function straight(text: string): string {
  return text.replace(/[“”]/g, '"');
}
