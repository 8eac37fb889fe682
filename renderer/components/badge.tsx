// A state as a shape and a text: it is never told by colour alone.
import type { ReactNode } from 'react';

export type BadgeTone = 'good' | 'busy' | 'idle' | 'warning' | 'bad';

const shapes: Readonly<Record<BadgeTone, string>> = {
  // disc, half disc, ring, triangle, square with a bar
  good: 'M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11z',
  busy: 'M8 2.5a5.5 5.5 0 0 1 0 11z M8 2.5a5.5 5.5 0 0 0 0 11v-1.6a3.9 3.9 0 0 1 0-7.8z',
  idle: 'M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11z M8 4.3a3.7 3.7 0 1 0 0 7.4a3.7 3.7 0 1 0 0-7.4z',
  warning: 'M8 2 14.5 13.5H1.5z',
  bad: 'M2.5 2.5h11v11h-11z M5 7.1v1.8h6V7.1z',
};

export function StateShape({ tone, size = 16 }: { readonly tone: BadgeTone; readonly size?: number }) {
  return (
    <svg className={`shape tone-${tone}`} viewBox="0 0 16 16" width={size} height={size} aria-hidden="true">
      <path fillRule="evenodd" d={shapes[tone]} />
    </svg>
  );
}

export function Badge({ tone, children }: { readonly tone: BadgeTone; readonly children: ReactNode }) {
  return (
    <span className={`badge badge-${tone}`}>
      <StateShape tone={tone} size={12} />
      {children}
    </span>
  );
}
