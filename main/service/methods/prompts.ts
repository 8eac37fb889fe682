// `prompts list|answer|cancel`: a person's own prompts.
import type { ServiceMethods } from '../../control/service-api.ts';
import type { Prompts } from '../prompts/prompts.ts';

export function promptHandlers(
  prompts: Prompts,
): Pick<ServiceMethods, 'prompts.list' | 'prompts.answer' | 'prompts.cancel'> {
  return {
    'prompts.list': (_parameters, { uid }) => ({
      prompts: prompts.all.filter(({ owner }) => owner === uid),
    }),
    'prompts.answer': ({ id, ...given }, { uid }, { answer }) => {
      try {
        prompts.answer(uid, id, withoutUndefined(given), answer);
      } finally {
        answer?.fill(0);
      }
      return {};
    },
    'prompts.cancel': ({ id }, caller) => {
      prompts.cancel(caller, id);
      return {};
    },
  };
}

function withoutUndefined({
  confirmLastTry,
  store,
}: {
  confirmLastTry?: boolean | undefined;
  store?: boolean | undefined;
}): { confirmLastTry?: boolean; store?: boolean } {
  return { ...(confirmLastTry === true && { confirmLastTry }), ...(store === true && { store }) };
}
