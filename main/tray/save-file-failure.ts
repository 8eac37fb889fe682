// Why a file that the person chose could not be written, in a form that crosses to the window.
import { getSystemErrorMessage } from 'node:util';
import { ControlError } from '../control/failure.ts';

export function notWritten(path: string, error: unknown): ControlError {
  const { errno, message } = error as NodeJS.ErrnoException;
  const detail = errno === undefined ? message : getSystemErrorMessage(errno);
  return new ControlError({ code: 'file-not-written', path, detail });
}
