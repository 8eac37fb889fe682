// What went wrong or needs attention, in place: a sentence, what to do about it, and the buttons that do it.
import type { ReactNode } from 'react';
import type { ControlFailure } from '../../main/control/failure.ts';
import { useWords } from '../state/words.ts';
import { StateShape } from './badge.tsx';

interface NoticeProperties {
  readonly tone: 'warning' | 'bad' | 'good' | 'busy';
  readonly title: string;
  readonly text?: string | undefined;
  readonly children?: ReactNode;
  readonly role?: 'alert' | 'status';
}

export function Notice({ tone, title, text, children, role }: NoticeProperties) {
  return (
    <div className={`notice notice-${tone}`} role={role}>
      <StateShape tone={tone} size={20} />
      <div className="notice-text">
        <p className="notice-title">{title}</p>
        {text !== undefined && <p>{text}</p>}
        {children !== undefined && <div className="actions">{children}</div>}
      </div>
    </div>
  );
}

/** A call that failed. */
export function FailureNotice({
  failure,
  children,
}: {
  readonly failure: ControlFailure;
  readonly children?: ReactNode;
}) {
  const { callFailure } = useWords();
  const { what, next } = callFailure(failure);
  return (
    <Notice tone="bad" title={what} text={next} role="alert">
      {children}
    </Notice>
  );
}
