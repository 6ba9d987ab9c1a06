import { onAbort } from '../../rotation/on-abort.ts';
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
  return new Promise((resolve, reject) => {
    const stay = onAbort(signal, () => reject(createAbortedFault()));
    void work().then(resolve, reject).finally(stay);
  });
}
