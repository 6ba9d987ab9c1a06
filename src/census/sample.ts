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
