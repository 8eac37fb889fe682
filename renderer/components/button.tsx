// Buttons: one primary on a page, plain ones, quiet ones in rows, and one that destroys.
import type { ButtonHTMLAttributes, ReactNode } from 'react';

interface ButtonProperties extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly kind?: 'primary' | 'plain' | 'quiet' | 'danger';
  readonly busy?: boolean;
  readonly icon?: ReactNode;
}

export function Button({
  kind = 'plain',
  busy = false,
  icon,
  children,
  className,
  onClick,
  ...rest
}: ButtonProperties) {
  return (
    <button
      type="button"
      {...rest}
      className={`button button-${kind} ${className ?? ''}`}
      // Not `disabled`: that would take the focus from who pressed it.
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      onClick={(event) => (busy ? event.preventDefault() : onClick?.(event))}
    >
      {icon}
      {children}
    </button>
  );
}
