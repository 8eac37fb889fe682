// Text into the clipboard. The asynchronous clipboard needs a permission, which the app denies to every page.

/** `place`: where the text may be selected; within a dialog, that dialog. False where it did not work. */
export function copyText(text: string, place: Element = document.body): boolean {
  const focused = document.activeElement;
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'visually-hidden';
  place.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}
