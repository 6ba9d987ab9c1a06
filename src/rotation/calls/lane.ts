import type { LimitFunction } from 'p-limit';

/** One of the places that the calls in flight of this process share, kept from call to call. */
export interface Lane {
  /** Aborts what is done in it. */
  readonly signal: AbortSignal;
  /** Gives the place to others while `work` goes on, which calls nobody: a sleep, or lanes of its own. */
  leaveFor<T>(work: () => Promise<T>): Promise<T>;
}

/** Does work in a lane of its own, once there is a place. */
export async function inLane<T>(
  limit: LimitFunction,
  signal: AbortSignal,
  work: (lane: Lane) => Promise<T>,
): Promise<T> {
  let leave = await takePlace(limit);
  try {
    return await work({
      signal,
      async leaveFor(elsewhere) {
        leave();
        try {
          return await elsewhere();
        } finally {
          leave = await takePlace(limit);
        }
      },
    });
  } finally {
    leave();
  }
}

/** Returns what gives the place back. */
function takePlace(limit: LimitFunction): Promise<() => void> {
  return new Promise((taken) => void limit(() => new Promise<void>(taken)));
}
