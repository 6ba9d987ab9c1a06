import { eitherSignal } from '../either-signal.ts';
import { asFault, type Fault } from '../faults.ts';

/** Works on all items at once. The first that fails stops the others, by their signal, and its fault is returned. */
export async function untilFirstFault<Item>(
  items: readonly Item[],
  work: (item: Item, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<Fault | null> {
  const halt = new AbortController();
  const either = eitherSignal(signal, halt.signal);
  let stoppedBy: Fault | null = null;
  const left = items.values();
  async function lane(): Promise<void> {
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
  await Promise.all(Array.from({ length: Math.min(items.length, 100) }, lane));
  return stoppedBy;
}
