import { setMaxListeners } from 'node:events';
import { onAbort } from './on-abort.ts';

/**
 * Aborts with the first of these, for as long as they live. What comes and goes while they stay has `underEither`.
 * It may have a listener for each call in flight, which Node takes for a leak.
 */
export function eitherSignal(...signals: AbortSignal[]): AbortSignal {
  const either = AbortSignal.any(signals);
  setMaxListeners(0, either);
  return either;
}

/**
 * Does work under a signal that aborts with the first of these, and leaves nothing behind: of each that
 * `AbortSignal.any` makes, Node 20 keeps a note on those that it is made of, and they may live for days.
 */
export async function underEither<Result>(
  signals: readonly AbortSignal[],
  work: (either: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const either = new AbortController();
  const leaves = signals.map((signal) => {
    const stop = (): void => either.abort(signal.reason);
    if (!signal.aborted) return onAbort(signal, stop);
    stop();
    return () => undefined;
  });
  try {
    return await work(either.signal);
  } finally {
    for (const leave of leaves) leave();
  }
}
