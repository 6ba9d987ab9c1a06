/** One reading again and again, however many want it; nobody reads while nobody asks. */
export interface SharedReading<T> {
  /** What was read within the last half interval, else it is read now. */
  latest(): Promise<T>;
  /** Shows each reading until the returned function is called. */
  follow(show: (reading: T) => void): () => void;
}

/** `read` must not throw: what went wrong is a reading too. */
export function shareReading<T>(read: () => Promise<T>, everyMs: number): SharedReading<T> {
  const followers = new Set<(reading: T) => void>();
  let last: { readonly at: number; readonly reading: T } | null = null;
  let underWay: Promise<T> | null = null;
  let isTurning = false;

  async function readOnce(): Promise<T> {
    const at = performance.now();
    try {
      const reading = await read();
      last = { at, reading };
      return reading;
    } finally {
      underWay = null;
    }
  }

  async function latest(): Promise<T> {
    if (last !== null && performance.now() - last.at < everyMs / 2) return last.reading;
    return (underWay ??= readOnce());
  }

  async function turn(): Promise<void> {
    isTurning = followers.size > 0;
    if (!isTurning) return;
    const reading = await latest();
    for (const show of followers) show(reading);
    // What ends the process must not wait for a page.
    setTimeout(() => void turn(), everyMs).unref();
  }

  return {
    latest,
    follow(show) {
      // Of its own, so that two who follow with one function are two.
      const follower = (reading: T): void => show(reading);
      followers.add(follower);
      if (!isTurning) void turn();
      return () => void followers.delete(follower);
    },
  };
}
