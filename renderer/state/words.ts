// The window's languages. Every text that a person sees comes from resources/translations.
import i18next, { type i18n } from 'i18next';
import { initReactI18next, useTranslation } from 'react-i18next';
import type { ControlFailure, Failure, ProfileProblem } from '../../main/control/failure.ts';
import type { Message } from '../../main/control/messages.ts';
import {
  type FailureText,
  failureText,
  messageText,
  problemText,
  reasonText,
} from '../../main/tray/text/failure-text.ts';
import { type Translate, translations } from '../../main/tray/text/translate.ts';
import { durationParts } from '../logic/format.ts';

/** Says a text below "window". `defaultValue`: what to say where there is none. */
export type Say = (key: string, values?: Readonly<Record<string, string | number>>) => string;

export interface Words {
  readonly say: Say;
  readonly language: string;
  duration(milliseconds: number): string;
  connectionFailure(profile: string, failure: Failure): FailureText;
  callFailure(failure: ControlFailure): FailureText;
  /** What the service says. */
  message(message: Message): string;
  /** Why a vault cannot be used; a sentence. */
  vaultProblem(problem: string): string;
  /** What is wrong with a card, within a sentence. */
  cardProblem(problem: string): string;
  /** What is wrong with a file, with its line and key. */
  fileProblem(problem: ProfileProblem): string;
}

export function setUpWords(language: string): i18n {
  const instance = i18next.createInstance();
  void instance.use(initReactI18next).init({
    lng: language,
    fallbackLng: 'en',
    resources: translations,
    interpolation: { escapeValue: false },
    initAsync: false,
    // A text that is missing is a mistake; a test listens for it.
    saveMissing: true,
    missingKeyHandler: (_, __, key, fallback) => {
      if (key === fallback) console.error(`missing text: ${key}`);
    },
  });
  return instance;
}

export function useWords(): Words {
  const { t, i18n: instance } = useTranslation();
  const translate: Translate = {
    text: (key, values) => t(key, { ...values }),
    has: (key) => instance.exists(key),
  };
  const say: Say = (key, values) => translate.text(`window.${key}`, values);
  return {
    say,
    language: instance.language,
    duration: (milliseconds) =>
      durationParts(milliseconds)
        .map(({ value, unit }) => say(`unit.${unit}`, { value }))
        .join(' '),
    connectionFailure: (profile, failure) => reasonText(translate, profile, failure),
    callFailure: (failure) => failureText(translate, failure),
    message: (message) => messageText(translate, message),
    vaultProblem: (problem) => translate.text(`vaultProblem.${problem}`),
    cardProblem: (problem) => translate.text(`cardProblem.${problem}`),
    fileProblem: (problem) => problemText(translate, problem),
  };
}
