// Short messages about what was just done. Good ones go by themselves; what failed stays until it is closed.
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import type { ControlFailure } from '../../main/control/failure.ts';
import { useWords } from '../state/words.ts';
import { StateShape } from './badge.tsx';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';

interface Toast {
  readonly id: number;
  readonly tone: 'good' | 'bad';
  readonly text: string;
  readonly next?: string | undefined;
}

export interface Toasts {
  done(text: string): void;
  failed(failure: ControlFailure): void;
}

const ToastContext = createContext<Toasts>({ done: () => {}, failed: () => {} });
const shownMilliseconds = 5000;

export function useToasts(): Toasts {
  return useContext(ToastContext);
}

export function ToastArea({ children }: { readonly children: ReactNode }) {
  const { say, callFailure } = useWords();
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  const close = useCallback((id: number) => setToasts((shown) => shown.filter((each) => each.id !== id)), []);
  const add = (toast: Omit<Toast, 'id'>) =>
    setToasts((shown) => [...shown, { ...toast, id: (shown.at(-1)?.id ?? 0) + 1 }].slice(-3));
  // biome-ignore lint/correctness/useExhaustiveDependencies: the words change with the language only
  const value = useMemo<Toasts>(
    () => ({
      done: (text) => add({ tone: 'good', text }),
      failed: (failure) => {
        const { what, next } = callFailure(failure);
        add({ tone: 'bad', text: what, next });
      },
    }),
    [say('action.close')],
  );
  return (
    <ToastContext value={value}>
      {children}
      <div className="toasts" aria-live="polite" role="status">
        {toasts.map((toast) => (
          <ToastLine key={toast.id} toast={toast} onClose={close} />
        ))}
      </div>
    </ToastContext>
  );
}

interface ToastLineProperties {
  readonly toast: Toast;
  /** The same function at each rendering: another one would begin the time anew. */
  readonly onClose: (id: number) => void;
}

function ToastLine({ toast, onClose }: ToastLineProperties) {
  const { say } = useWords();
  const { id, tone, text, next } = toast;
  useEffect(() => {
    if (tone === 'bad') return;
    const timer = setTimeout(() => onClose(id), shownMilliseconds);
    return () => clearTimeout(timer);
  }, [id, tone, onClose]);
  return (
    <div className={`toast toast-${tone}`}>
      <StateShape tone={tone} />
      <div className="toast-text">
        <p>{text}</p>
        {next !== undefined && <p className="hint">{next}</p>}
      </div>
      <Button
        kind="quiet"
        aria-label={say('action.close')}
        onClick={() => onClose(id)}
        icon={<Icon name="remove" />}
      />
    </div>
  );
}
