import { headerSample } from '../rotation/certificate.ts';

/** A uniform random sample of a stream of unknown length (reservoir sampling). */
export interface Sample<T> {
  offer(item: T): void;
  taken(): readonly T[];
}

export function createSample<T>(size: number, random = Math.random): Sample<T> {
  const items: T[] = [];
  let offered = 0;
  return {
    offer(item) {
      offered += 1;
      if (items.length < size) {
        items.push(item);
        return;
      }
      const place = Math.floor(random() * offered);
      if (place < size) items[place] = item;
    },
    taken: () => items,
  };
}

/**
 * Whether a record belongs to the sample of a census that many processes take, none of which sees the whole.
 * `enqueued` is how many records the census has come across so far. As that is never more than there are, the
 * sample is as dense everywhere as `headerSample` over the whole store at least, and it needs no estimate of
 * the store that may be wrong; for a billion records it holds some thousands.
 */
export function isSampled(enqueued: number, random = Math.random): boolean {
  return random() < headerSample / enqueued;
}
