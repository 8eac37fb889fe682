// A titled part of a page, a list of facts, and a place where there is nothing yet.
import { type ReactNode, useId } from 'react';

interface CardProperties {
  readonly title?: string;
  readonly actions?: ReactNode;
  readonly className?: string;
  readonly children: ReactNode;
}

export function Card({ title, actions, className, children }: CardProperties) {
  const id = useId();
  return (
    <section className={`card ${className ?? ''}`} aria-labelledby={title === undefined ? undefined : id}>
      {title !== undefined && (
        <header className="card-header">
          <h2 id={id}>{title}</h2>
          {actions !== undefined && <div className="actions">{actions}</div>}
        </header>
      )}
      {children}
    </section>
  );
}

export interface Fact {
  readonly name: string;
  readonly value: ReactNode;
  readonly wide?: boolean;
}

/** Facts without a value are left out. */
export function Facts({ facts }: { readonly facts: readonly (Fact | undefined)[] }) {
  return (
    <dl className="facts">
      {facts
        .filter((fact) => fact !== undefined && fact.value !== undefined && fact.value !== '')
        .map((fact) => (
          <div key={fact!.name} className={fact!.wide === true ? 'fact fact-wide' : 'fact'}>
            <dt>{fact!.name}</dt>
            <dd>{fact!.value}</dd>
          </div>
        ))}
    </dl>
  );
}

interface EmptyStateProperties {
  readonly title: string;
  readonly text: string;
  readonly children?: ReactNode;
}

export function EmptyState({ title, text, children }: EmptyStateProperties) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      <p>{text}</p>
      {children !== undefined && <div className="actions">{children}</div>}
    </div>
  );
}
