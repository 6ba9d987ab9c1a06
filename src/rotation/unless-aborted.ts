import { onAbort } from './on-abort.ts';

/** What the work gives; null as soon as the signal aborts, and then what becomes of the work is dropped. */
export function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result | null> {
  if (signal.aborted) {
    work.catch(() => undefined);
    return Promise.resolve(null);
  }
  return new Promise((resolve, reject) => {
    const stay = onAbort(signal, () => resolve(null));
    void work.then(resolve, reject).finally(stay);
  });
}
