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
  ...rest
}: ButtonProperties) {
  return (
    <button
      type="button"
      {...rest}
      className={`button button-${kind} ${className ?? ''}`}
      aria-busy={busy || undefined}
      disabled={rest.disabled === true || busy}
    >
      {icon}
      {children}
    </button>
  );
}
