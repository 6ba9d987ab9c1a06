import { exitCode } from './exit-code.ts';

let interruptedBy: NodeJS.Signals | null = null;

/** Whether SIGINT or SIGTERM has come to a command that listens for them. */
export function wasInterrupted(): boolean {
  return interruptedBy !== null;
}

/** Aborts at the first SIGINT or SIGTERM; a second one ends the process at once. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Which one came, if any. */
  readonly by: () => NodeJS.Signals | null;
}

export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals): void => {
    if (interruptedBy !== null) process.exit(exitCode.interrupted);
    interruptedBy = name;
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return { signal: controller.signal, by: () => interruptedBy };
}
