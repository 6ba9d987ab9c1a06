import type { LimitFunction } from 'p-limit';
import { underEither } from '../either-signal.ts';
import { asFault, type Fault } from '../faults.ts';
import { inLane, type Lane } from './lane.ts';

/** Items of a batch that sleep before another try, and still leave enough to call for. */
const sleepers = 16;
/**
 * Items after which a lane gives its place to who waits for one: to other batches, and to items that have slept. With
 * each item, what p-limit does would be a tenth of what a call costs.
 */
const turn = 8;

/**
 * Works on the items, not on more at a time than can be called for: what is begun and waits is memory that each
 * collection of garbage looks at again. The first that fails stops the others, by their signal, and its fault is
 * returned.
 */
export async function untilFirstFault<Item>(
  items: readonly Item[],
  { limit }: { readonly limit: LimitFunction },
  work: (item: Item, lane: Lane) => Promise<void>,
  signal: AbortSignal,
): Promise<Fault | null> {
  const halt = new AbortController();
  let stoppedBy: Fault | null = null;
  const left = items.values();
  async function workOn(lane: Lane): Promise<void> {
    let untilTurn = turn;
    for (const item of left) {
      try {
        await work(item, lane);
      } catch (error) {
        // What comes after the first fault is only its echo.
        if (!lane.signal.aborted) stoppedBy ??= asFault(error);
        halt.abort();
      }
      if (lane.signal.aborted) return;
      untilTurn -= 1;
      if (untilTurn > 0) continue;
      untilTurn = turn;
      await lane.leaveFor(() => Promise.resolve());
    }
  }
  const lanes = Math.min(items.length, limit.concurrency + sleepers);
  await underEither([signal, halt.signal], (either) =>
    Promise.all(Array.from({ length: lanes }, () => inLane(limit, either, workOn))),
  );
  return stoppedBy;
}
