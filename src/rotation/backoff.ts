import { onAbort } from './on-abort.ts';

export interface BackoffOptions {
  /** Upper bound of the first wait. */
  readonly initialMs: number;
  /** Upper bound of any wait. */
  readonly maxMs: number;
}

/**
 * The wait before the try after `failures` failed ones (1 = the first failed): full jitter under a capped
 * exponential bound, so that workers that failed together do not come back together.
 */
export function backoffMs(
  failures: number,
  { initialMs, maxMs }: BackoffOptions,
  random = Math.random,
): number {
  // The exponent is bounded as 2^1024 is Infinity, and 0 × Infinity is NaN.
  const bound = Math.min(maxMs, initialMs * 2 ** Math.min(failures - 1, 30));
  return random() * bound;
}

/** Sleeps, but wakes at once when `signal` aborts; never throws. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      stay();
      resolve();
    };
    const timer = setTimeout(wake, ms);
    const stay = onAbort(signal, wake);
  });
}
