// How the window behaves: its place and size, when it opens, what closing it means, what crosses while it is hidden.
// Pure: Electron's objects are in window.ts.
import type { CommandName } from './ipc.ts';

/** Device-independent pixels. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export const windowSize = {
  minimumWidth: 420,
  minimumHeight: 480,
  // Room for the filter as a table.
  defaultWidth: 1160,
  defaultHeight: 760,
} as const;

/**
 * Where the window opens: where it was, as far as a display still shows it; else in the middle of the first display
 * (`displays`: their work areas, the primary one first; never empty).
 */
export function boundsFor(remembered: Rectangle | undefined, displays: readonly Rectangle[]): Rectangle {
  const display =
    displays.find((each) => remembered !== undefined && overlap(remembered, each)) ?? displays[0]!;
  const wanted = remembered ?? { width: windowSize.defaultWidth, height: windowSize.defaultHeight };
  const width = between(wanted.width, windowSize.minimumWidth, display.width);
  const height = between(wanted.height, windowSize.minimumHeight, display.height);
  const visible = remembered !== undefined && overlap(remembered, display);
  const x = visible ? remembered.x : display.x + (display.width - width) / 2;
  const y = visible ? remembered.y : display.y + (display.height - height) / 2;
  return {
    x: Math.round(between(x, display.x, display.x + display.width - width)),
    y: Math.round(between(y, display.y, display.y + display.height - height)),
    width: Math.round(width),
    height: Math.round(height),
  };
}

/** At login the app starts quietly, unless there is no tray to find it in. */
export function opensAtStart(start: { readonly hidden: boolean; readonly trayAvailable: boolean }): boolean {
  return !start.hidden || !start.trayAvailable;
}

/**
 * A prompt brings the window to the front where the person works with this app: it can be seen, or the connection was
 * asked for here. Else a notification leads to it: somebody may be typing the answer in a terminal.
 */
export function promptOpensWindow(prompt: {
  readonly visible: boolean;
  readonly askedHere: boolean;
  readonly notifications: boolean;
}): boolean {
  return prompt.visible || prompt.askedHere || !prompt.notifications;
}

/** With a tray the window is hidden and comes back from there; without one nothing would bring it back. */
export function closingMeans(app: { readonly trayAvailable: boolean; readonly quitting: boolean }) {
  if (app.quitting) return 'close';
  return app.trayAvailable ? 'hide' : 'quit';
}

/** Commands that a page repeats; while it is hidden they are answered without asking the service. */
export function asksService(name: CommandName, visible: boolean): boolean {
  return visible || (name !== 'state.refresh' && name !== 'verdicts.tail');
}

function overlap(window: Rectangle, display: Rectangle): boolean {
  const width = Math.min(window.x + window.width, display.x + display.width) - Math.max(window.x, display.x);
  const height =
    Math.min(window.y + window.height, display.y + display.height) - Math.max(window.y, display.y);
  // Enough of it to be taken hold of.
  return width >= 100 && height >= 50;
}

function between(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(value, Math.max(least, most)));
}
