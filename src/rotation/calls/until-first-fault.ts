import type { LimitFunction } from 'p-limit';
import { underEither } from '../either-signal.ts';
import { asFault, type Fault } from '../faults.ts';

/** Items of a batch that sleep before another try, and still leave enough to call for. */
const sleepers = 16;

/**
 * Works on the items, not on more at a time than can be called for: what is begun and waits is memory that each
 * collection of garbage looks at again. The first that fails stops the others, by their signal, and its fault is
 * returned.
 */
export async function untilFirstFault<Item>(
  items: readonly Item[],
  { limit }: { readonly limit: LimitFunction },
  work: (item: Item, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<Fault | null> {
  const halt = new AbortController();
  let stoppedBy: Fault | null = null;
  const left = items.values();
  async function workOn(either: AbortSignal): Promise<void> {
    for (const item of left) {
      try {
        await work(item, either);
      } catch (error) {
        // What comes after the first fault is only its echo.
        if (!either.aborted) stoppedBy ??= asFault(error);
        halt.abort();
      }
      if (either.aborted) return;
    }
  }
  const lanes = Math.min(items.length, limit.concurrency + sleepers);
  await underEither([signal, halt.signal], (either) =>
    Promise.all(Array.from({ length: lanes }, () => workOn(either))),
  );
  return stoppedBy;
}
