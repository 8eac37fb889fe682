// React's side of the store: the state, calls whose failures are told, and looks at the service that stop when hidden.
import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import type { ControlFailure } from '../../main/control/failure.ts';
import type { CommandName, CommandParameters, CommandResult, Outcome } from '../../main/tray/ipc.ts';
import type { WindowState, WindowStore } from './store.ts';

export const StoreContext = createContext<WindowStore | undefined>(undefined);

export function useStore(): WindowStore {
  const store = useContext(StoreContext);
  if (store === undefined) throw new Error('there is no store');
  return store;
}

export function useWindowState(): WindowState {
  const store = useStore();
  return useSyncExternalStore(store.subscribe, store.state);
}

export function useInvoke(): <Name extends CommandName>(
  name: Name,
  parameters: CommandParameters<Name>,
) => Promise<Outcome<CommandResult<Name>>> {
  const store = useStore();
  return useCallback((name, parameters) => store.invoke(name, parameters), [store]);
}

export interface Looked<Value> {
  /** undefined: not yet, or refused. */
  readonly value: Value | undefined;
  readonly failure: ControlFailure | undefined;
  reload(): void;
}

/**
 * Asks at once, and then `everyMilliseconds` after each answer for as long as the window can be seen; 0: only once.
 * `parameters` may be a new object each time: its JSON counts.
 */
export function useLook<Name extends CommandName>(
  name: Name,
  parameters: CommandParameters<Name>,
  everyMilliseconds: number,
): Looked<CommandResult<Name>> {
  const store = useStore();
  const { visible } = useWindowState();
  const [answer, setAnswer] = useState<Outcome<CommandResult<Name>>>();
  const [round, setRound] = useState(0);
  const text = JSON.stringify(parameters);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round asks again
  useEffect(() => {
    if (!visible) return;
    let ended = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      const found = await store.invoke(name, JSON.parse(text));
      if (ended) return;
      setAnswer(found);
      if (everyMilliseconds > 0) timer = setTimeout(look, everyMilliseconds);
    };
    void look();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [store, name, text, everyMilliseconds, visible, round]);
  const reload = useCallback(() => setRound((number) => number + 1), []);
  return {
    value: answer?.ok === true ? answer.value : undefined,
    failure: answer?.ok === false ? answer.failure : undefined,
    reload,
  };
}

/** The time, once a second while the window can be seen. */
export function useNow(): number {
  const { visible } = useWindowState();
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!visible) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [visible]);
  return now;
}

/** The latest value for a function that must not change. */
export function useLatest<Value>(value: Value): { readonly current: Value } {
  const reference = useRef(value);
  reference.current = value;
  return reference;
}
