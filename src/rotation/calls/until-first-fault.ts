import { underEither } from '../either-signal.ts';
import { asFault, type Fault } from '../faults.ts';
import type { Lane, Lanes } from './lanes.ts';

/** A list, or what makes each of its items when it is asked for. */
export interface Listed<Item> {
  readonly length: number;
  at(index: number): Item | undefined;
}

/**
 * Works on the items, not on more at a time than can be called for: what is begun and waits is memory that each
 * collection of garbage looks at again. The first that fails stops the others, by their signal, and its fault is
 * returned.
 */
export async function untilFirstFault<Item>(
  items: Listed<Item>,
  { lanes }: { readonly lanes: Lanes },
  work: (item: Item, lane: Lane) => Promise<void>,
  signal: AbortSignal,
): Promise<Fault | null> {
  const halt = new AbortController();
  let stoppedBy: Fault | null = null;
  let begun = 0;
  await underEither([signal, halt.signal], (either) =>
    lanes.run({
      signal: either,
      items: items.length,
      begin(lane) {
        const item = items.at(begun);
        if (item === undefined) return null;
        begun += 1;
        return work(item, lane);
      },
      failed(error) {
        // What comes after the first fault is only its echo.
        if (!either.aborted) stoppedBy ??= asFault(error);
        halt.abort();
      },
    }),
  );
  return stoppedBy;
}
