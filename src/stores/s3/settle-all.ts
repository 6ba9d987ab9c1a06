import type { LimitFunction } from 'p-limit';
import { asFault, Fault } from '../../rotation/faults.ts';

/**
 * The results of `work`, aligned with `items`. After a fault no more is begun, so that a server that asks for
 * fewer requests gets none; what is under way is waited for, and then the gravest fault is thrown.
 */
export async function settleAll<Item, Result>(
  limit: LimitFunction,
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const faults: Fault[] = [];
  const results: Result[] = [];
  await Promise.all(
    items.map((item, index) =>
      limit(async () => {
        if (faults.length > 0) return;
        try {
          results[index] = await work(item);
        } catch (error) {
          faults.push(asFault(error));
        }
      }),
    ),
  );
  const [first] = faults;
  if (first === undefined) return results;
  const waits = faults.map(({ retryAfterMs }) => retryAfterMs ?? 0);
  throw (
    faults.find(({ faultClass }) => faultClass !== 'transient') ??
    faults.find(({ retryAfterMs }) => (retryAfterMs ?? 0) === Math.max(...waits)) ??
    first
  );
}
