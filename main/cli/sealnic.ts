#!/usr/bin/env node
// The `sealnic` command's process.
import { processLauncher } from './launcher.ts';
import { runCommand } from './program.ts';
import { systemTerminal } from './system-terminal.ts';

process.exitCode = await runCommand(process.argv.slice(2), {
  terminal: systemTerminal(process.env),
  launcher: processLauncher,
  environment: process.env,
  now: Date.now,
  schedule: (callback, milliseconds) => {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
});
