import { setMaxListeners } from 'node:events';
import { Fault } from '../../rotation/faults.ts';

/** What a call ends with whose signal is aborted, or whose client is closed. */
export function createAbortedFault(): Fault {
  return new Fault('transient', 'ABORTED', 'KMS call given up because keyturn is stopping', { peer: 'kms' });
}

/**
 * Waits for `work` until `signal` aborts: then throws an `ABORTED` fault at once and leaves the work to
 * itself. Does not start it under an aborted signal.
 */
export async function untilAborted<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work();
  if (signal.aborted) throw createAbortedFault();
  // One signal stops all calls of a batch; Node takes more than ten listeners for a leak.
  setMaxListeners(0, signal);
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(createAbortedFault());
    signal.addEventListener('abort', stop, { once: true });
    void work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', stop));
  });
}

/**
 * Runs `work` for `timeoutMs` at most and until `outer` aborts, and tells it by its signal when it is given
 * up. Settles at that very moment, because undici minds no signal while it connects.
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  timeoutMs: number,
  createTimeoutFault: () => Fault,
  outer: AbortSignal | undefined,
): Promise<T> {
  const inner = new AbortController();
  const inTime = (): Promise<T> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(createTimeoutFault()), timeoutMs);
      void work(inner.signal)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  try {
    return await untilAborted(inTime, outer);
  } catch (error) {
    inner.abort(error);
    throw error;
  }
}
