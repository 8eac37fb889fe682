// Texts in the person's language, from resources/translations. The window and the tray use the same.
import { createInstance } from 'i18next';
import en from '../../../resources/translations/en.json' with { type: 'json' };
import ja from '../../../resources/translations/ja.json' with { type: 'json' };
import messagesEn from '../../../resources/translations/messages.en.json' with { type: 'json' };
import messagesJa from '../../../resources/translations/messages.ja.json' with { type: 'json' };

export const translations = {
  en: { translation: { ...en, message: messagesEn } },
  ja: { translation: { ...ja, message: messagesJa } },
} as const;
export type TextLanguage = keyof typeof translations;

export interface Translate {
  /** The text of a key ("tray.quit"), its {{placeholders}} filled in. */
  text(key: string, values?: Readonly<Record<string, string | number>>): string;
  has(key: string): boolean;
}

export function translateTo(language: TextLanguage): Translate {
  const instance = createInstance();
  void instance.init({
    lng: language,
    fallbackLng: 'en',
    resources: translations,
    initAsync: false,
    interpolation: { escapeValue: false },
  });
  return {
    text: (key, values = {}) => instance.t(key, values),
    has: (key) => instance.exists(key),
  };
}

/** The language for a list of the system's preferences ("ja-JP", "de"), best first. English where none is ours. */
export function languageFor(preferences: readonly string[]): TextLanguage {
  for (const preference of preferences) {
    const base = preference.toLowerCase().split(/[-_]/)[0];
    if (base === 'ja' || base === 'en') return base;
  }
  return 'en';
}
