// Every message has words in both languages, with exactly its parameters; nothing else passes as a message.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { englishOf } from '../../main/control/english.ts';
import { isMessage, type Message, messageParameters } from '../../main/control/messages.ts';
import { messageText } from '../../main/tray/text/failure-text.ts';
import { translateTo } from '../../main/tray/text/translate.ts';
import english from '../../resources/translations/messages.en.json' with { type: 'json' };
import japanese from '../../resources/translations/messages.ja.json' with { type: 'json' };

/** Made only of parameters and marks, or of names that are the same in every language. */
const languageFree = /^[^\p{L}]*(IPv)?[^\p{L}]*$/u;

function messages(): readonly Message[] {
  return Object.entries(messageParameters).map(([code, names]) => {
    const message: unknown = { code, ...Object.fromEntries(names.map((name) => [name, `<${name}>`])) };
    assert.ok(isMessage(message), code);
    return message;
  });
}

test('both languages have words for every code, and for nothing else', () => {
  const codes = Object.keys(messageParameters).sort();
  assert.deepEqual(Object.keys(english).sort(), codes);
  assert.deepEqual(Object.keys(japanese).sort(), codes);
});

test('the words of both languages have the parameters of the code', () => {
  for (const [code, names] of Object.entries(messageParameters)) {
    for (const words of [english, japanese]) {
      const text = words[code as keyof typeof words];
      const placeholders = [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name!);
      assert.deepEqual(
        [...new Set(placeholders)].sort(),
        [...new Set<string>(names)].sort(),
        `${code}: ${text}`,
      );
    }
  }
});

test('Japanese is Japanese', () => {
  for (const [code, text] of Object.entries(japanese)) {
    if (languageFree.test(text.replaceAll(/\{\{\w+\}\}/g, ''))) continue;
    assert.match(text, /[\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Han}]/u, `${code}: ${text}`);
  }
});

test('command line and window say the same in English, and nothing stays open in either language', () => {
  const inEnglish = translateTo('en');
  const inJapanese = translateTo('ja');
  for (const message of messages()) {
    assert.equal(messageText(inEnglish, message), englishOf(message));
    for (const [name, value] of Object.entries(message)) {
      if (name !== 'code') assert.ok(messageText(inJapanese, message).includes(String(value)), message.code);
    }
    assert.doesNotMatch(messageText(inJapanese, message), /\{\{|message\./);
  }
});

test('what is no message is not taken for one', () => {
  for (const value of [
    undefined,
    'missing',
    {},
    { code: 'nonsense' },
    { code: 'toString' },
    { code: 'missing', text: 'x' },
    { code: 'port-invalid' },
    { code: 'port-invalid', text: ['x'] },
    { code: 'port-invalid', text: 'x', more: 1 },
  ]) {
    assert.equal(isMessage(value), false, JSON.stringify(value));
  }
});
