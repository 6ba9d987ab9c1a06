import type { KeyturnConfig } from '../config/keyturn-config.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { printAbove } from './live-bar.ts';

/** The log of a command, on stderr. */
export function openLog({ log, rotation }: KeyturnConfig): Log {
  return createLog(log.level, { rotation }, (line) => printAbove(process.stderr, line));
}
