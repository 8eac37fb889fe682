// Changes `lockdown` in the text of a profile and leaves everything else as a person wrote it.

/** The line stands before the first table, where it belongs to the whole profile. */
export function withLockdown(text: string, on: boolean): string {
  const firstTable = /^[ \t]*\[/m.exec(text)?.index ?? text.length;
  const top = text.slice(0, firstTable);
  const tables = text.slice(firstTable);
  const present = /^([ \t]*lockdown[ \t]*=[ \t]*)(?:true|false)/m;
  if (present.test(top)) return top.replace(present, `$1${on}`) + tables;
  if (!on) return text;
  const before = top.trim() === '' ? top : `${top.trimEnd()}\n`;
  return `${before}lockdown = true\n${tables === '' ? '' : `\n${tables}`}`;
}
