// Both languages say the same things with the same placeholders, and every failure has words.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlFailureSchema, failureSchema } from '../../main/control/failure.ts';
import { failureText, reasonText } from '../../main/tray/text/failure-text.ts';
import { languageFor, translateTo, translations } from '../../main/tray/text/translate.ts';

function textsOf(value: unknown, path = ''): readonly (readonly [key: string, text: string])[] {
  if (typeof value === 'string') return [[path, value]];
  return Object.entries(value as object).flatMap(([key, each]) =>
    textsOf(each, path === '' ? key : `${path}.${key}`),
  );
}

/** English has two forms of a number where Japanese has one. */
function withoutPlural(key: string): string {
  return key.replace(/_(one|other)$/, '');
}

function keysOf(language: keyof typeof translations): readonly string[] {
  return [...new Set(textsOf(translations[language].translation).map(([key]) => withoutPlural(key)))].sort();
}

test('both languages have the same keys', () => {
  assert.deepEqual(keysOf('ja'), keysOf('en'));
});

test('both languages have the same placeholders, and no text is empty', () => {
  const placeholders = (text: string) => [...new Set(text.match(/\{\{[^}]*\}\}/g) ?? [])].sort();
  const english = new Map(textsOf(translations.en.translation));
  for (const [key, text] of textsOf(translations.ja.translation)) {
    assert.notEqual(text.trim(), '', key);
    const same = english.get(key) ?? english.get(`${withoutPlural(key)}_other`) ?? '';
    assert.notEqual(same.trim(), '', key);
    assert.deepEqual(placeholders(text), placeholders(same), key);
  }
});

test('every failure has words in both languages, with nothing left open', () => {
  for (const language of ['en', 'ja'] as const) {
    const translate = translateTo(language);
    for (const option of failureSchema.options) {
      const code = option.shape.code.value;
      assert.ok(translate.has(`reason.${code}.what`), `${language}: reason.${code}`);
    }
    for (const option of controlFailureSchema.options) {
      const code = option.shape.code.value;
      if (code === 'connection-failed') continue;
      assert.ok(translate.has(`failure.${code}.what`), `${language}: failure.${code}`);
    }
    for (const problem of ['untrusted', 'expired', 'wrong-psk', 'wrong-identity'] as const) {
      const { what } = reasonText(translate, 'office', { code: 'peer-authentication-failed', problem });
      assert.doesNotMatch(what, /\{\{|peerProblem/);
    }
  }
});

test('parameters go into the words', () => {
  const english = translateTo('en');
  assert.deepEqual(
    failureText(english, {
      code: 'connection-failed',
      profile: '<office>',
      failure: { code: 'no-answer', milliseconds: 29_600 },
    }),
    {
      what: 'The gateway of “<office>” did not answer for 30 s.',
      next: 'Check its address and that UDP ports 500 and 4500 are not blocked on the way.',
    },
  );
  assert.equal(
    failureText(english, {
      code: 'profile-invalid',
      name: 'office.toml',
      problems: [
        { line: 3, key: 'gateway.adress', problem: { code: 'missing' } },
        { problem: { code: 'toml-unexpected' } },
      ],
    }).what,
    'The profile office.toml is not valid: Line 3: gateway.adress: is missing; this is not TOML.',
  );
});

test('a refusal says who may', () => {
  const english = translateTo('en');
  const refused = { code: 'refused', method: 'x', right: 'control' } as const;
  assert.match(failureText(english, refused).next ?? '', /Log in/);
  assert.match(failureText(english, { ...refused, right: 'administer' }).what, /administrator/);
  assert.match(failureText(english, { ...refused, owner: 1001 }).what, /1001/);
});

test('the language of the system, English where it is none of ours', () => {
  assert.equal(languageFor(['de-DE', 'ja-JP', 'en']), 'ja');
  assert.equal(languageFor(['en_GB', 'ja']), 'en');
  assert.equal(languageFor(['fr']), 'en');
  assert.equal(languageFor([]), 'en');
});
