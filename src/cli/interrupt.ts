import { exitCode } from './exit-code.ts';

/** Aborts at the first SIGINT or SIGTERM; a second one ends the process at once. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Which one came, if any. */
  readonly by: () => NodeJS.Signals | null;
}

export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  let by: NodeJS.Signals | null = null;
  const stop = (name: NodeJS.Signals): void => {
    if (by !== null) process.exit(exitCode.interrupted);
    by = name;
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return { signal: controller.signal, by: () => by };
}
