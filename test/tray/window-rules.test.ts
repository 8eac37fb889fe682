// The window's place and size, when it opens, and what closing it means.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  asksService,
  boundsFor,
  closingMeans,
  opensAtStart,
  promptOpensWindow,
  windowSize,
} from '../../main/tray/window-rules.ts';

const screen = { x: 0, y: 0, width: 1920, height: 1080 };
const right = { x: 1920, y: 0, width: 2560, height: 1440 };

test('the first time it opens in the middle', () => {
  const { x, width } = boundsFor(undefined, [screen]);
  assert.equal(width, windowSize.defaultWidth);
  assert.equal(x, (1920 - width) / 2);
});

test('it opens where it was, on whichever display', () => {
  const remembered = { x: 2400, y: 200, width: 700, height: 600 };
  assert.deepEqual(boundsFor(remembered, [screen, right]), remembered);
});

test('a display that is gone does not take the window with it', () => {
  const bounds = boundsFor({ x: 2400, y: 200, width: 700, height: 600 }, [screen]);
  assert.deepEqual(bounds, { x: 610, y: 240, width: 700, height: 600 });
});

test('it is at least 420 pixels wide, and within its display', () => {
  assert.equal(boundsFor({ x: 0, y: 0, width: 100, height: 600 }, [screen]).width, 420);
  assert.equal(boundsFor({ x: 0, y: 0, width: 5000, height: 600 }, [screen]).width, screen.width);
  const small = { x: 0, y: 0, width: 800, height: 600 };
  assert.deepEqual(boundsFor({ x: 500, y: 300, width: 980, height: 720 }, [small]), small);
  assert.equal(boundsFor({ x: -300, y: 40, width: 500, height: 600 }, [screen]).x, 0);
});

test('at login it stays in the tray, unless there is none', () => {
  assert.equal(opensAtStart({ hidden: false, trayAvailable: true }), true);
  assert.equal(opensAtStart({ hidden: true, trayAvailable: true }), false);
  assert.equal(opensAtStart({ hidden: true, trayAvailable: false }), true);
});

test('closing hides it where the tray brings it back, and ends the app where nothing would', () => {
  assert.equal(closingMeans({ trayAvailable: true, quitting: false }), 'hide');
  assert.equal(closingMeans({ trayAvailable: false, quitting: false }), 'quit');
  assert.equal(closingMeans({ trayAvailable: true, quitting: true }), 'close');
});

test('while it is hidden what pages repeat does not reach the service', () => {
  for (const name of ['state.refresh', 'verdicts.tail'] as const) {
    assert.equal(asksService(name, false), false);
    assert.equal(asksService(name, true), true);
  }
  assert.equal(asksService('connection.up', false), true);
});

test('a prompt opens the window only where the person works with this app', () => {
  const elsewhere = { visible: false, askedHere: false, notifications: true };
  assert.equal(promptOpensWindow(elsewhere), false);
  assert.equal(promptOpensWindow({ ...elsewhere, visible: true }), true);
  assert.equal(promptOpensWindow({ ...elsewhere, askedHere: true }), true);
  assert.equal(promptOpensWindow({ ...elsewhere, notifications: false }), true);
});
