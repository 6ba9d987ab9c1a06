import { setMaxListeners } from 'node:events';

/**
 * Aborts with the first of these.
 * It may have a listener for each call in flight, which Node takes for a leak.
 */
export function eitherSignal(...signals: AbortSignal[]): AbortSignal {
  const either = AbortSignal.any(signals);
  setMaxListeners(0, either);
  return either;
}
