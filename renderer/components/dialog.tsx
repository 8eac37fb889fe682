// A window within the window: the browser's own dialog, which keeps the focus and closes by Escape.
import { type ReactNode, useId, useLayoutEffect, useRef } from 'react';
import { useWords } from '../state/words.ts';
import { Button } from './button.tsx';

interface DialogProperties {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
  /** Beside "Cancel". */
  readonly actions?: ReactNode;
  readonly wide?: boolean;
  readonly closeLabel?: string;
  /** False: only its own actions end it, not Escape. */
  readonly closes?: boolean;
}

export function Dialog({
  title,
  onClose,
  children,
  actions,
  wide = false,
  closeLabel,
  closes = true,
}: DialogProperties) {
  const { say } = useWords();
  const id = useId();
  const element = useRef<HTMLDialogElement>(null);
  // Closed while it is still in the page: only then the focus goes back to where it was.
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    firstField(dialog)?.focus();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={element}
      className={wide ? 'dialog dialog-wide' : 'dialog'}
      aria-labelledby={id}
      // A second Escape closes it whatever "cancel" says.
      onKeyDown={(event) => {
        if (!closes && event.key === 'Escape') event.preventDefault();
      }}
      onCancel={(event) => {
        event.preventDefault();
        if (closes) onClose();
      }}
    >
      <h2 id={id}>{title}</h2>
      <div className="dialog-body">{children}</div>
      <footer className="dialog-actions">
        {closes && <Button onClick={onClose}>{closeLabel ?? say('action.cancel')}</Button>}
        {actions}
      </footer>
    </dialog>
  );
}

/** The field that says so (`data-first`), or the first one: the browser prefers whatever scrolls. */
function firstField(dialog: HTMLDialogElement | null): HTMLElement | null | undefined {
  return (
    dialog?.querySelector<HTMLElement>('[data-first]') ??
    dialog?.querySelector<HTMLElement>(
      '.dialog-body :is(input, select, textarea):not(:disabled, [type="file"])',
    )
  );
}

interface ConfirmationProperties {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

/** Asks before something that cannot be taken back. */
export function Confirmation({ title, text, action, onConfirm, onClose }: ConfirmationProperties) {
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <Button kind="danger" onClick={onConfirm}>
          {action}
        </Button>
      }
    >
      <p>{text}</p>
    </Dialog>
  );
}
