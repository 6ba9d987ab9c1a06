interface Waiting {
  readonly stops: Set<() => void>;
  readonly tell: () => void;
}

const waiting = new WeakMap<AbortSignal, Waiting>();

/**
 * Calls `stop` when a signal that is not aborted yet aborts; what it returns takes that back. One listener serves
 * all who wait for a signal: with a listener for each call, adding and removing them is a tenth of what a call of the
 * KMS costs. It goes with the last of them, since a signal made of others is never collected while it has one.
 */
export function onAbort(signal: AbortSignal, stop: () => void): () => void {
  const { stops, tell } = waiting.get(signal) ?? listen(signal);
  stops.add(stop);
  return () => {
    if (!stops.delete(stop) || stops.size > 0) return;
    signal.removeEventListener('abort', tell);
    waiting.delete(signal);
  };
}

function listen(signal: AbortSignal): Waiting {
  const stops = new Set<() => void>();
  const all = { stops, tell: () => stops.forEach((stop) => stop()) };
  signal.addEventListener('abort', all.tell, { once: true });
  waiting.set(signal, all);
  return all;
}
