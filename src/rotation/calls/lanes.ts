import { AsyncResource } from 'node:async_hooks';
import { onAbort } from '../on-abort.ts';

/** One of the places that the calls in flight of this process share, held by an item that is worked on. */
export interface Lane {
  /** Aborts what is done in it. */
  readonly signal: AbortSignal;
  /** Gives the place to others while `work` goes on, which calls nobody: a sleep, or lanes of its own. */
  leaveFor<T>(work: () => Promise<T>): Promise<T>;
}

/** What a batch has to do, item by item. */
export interface Stretch {
  /** Once it aborts no more is begun. */
  readonly signal: AbortSignal;
  /** How many items there are. */
  readonly items: number;
  /** Begins the next item; null where none is left. */
  begin(lane: Lane): Promise<void> | null;
  failed(error: unknown): void;
}

/**
 * The lanes of a process: each works on item after item of all its batches, the oldest batch first, so that that is done
 * and written while the next makes its calls. They stay from batch to batch and pass their places on by themselves: to
 * take a place of p-limit for each batch's lanes was a tenth of what a record costs.
 */
export interface Lanes {
  /** Resolves once all that was begun of it has ended, and none is left to begin. */
  run(stretch: Stretch): Promise<void>;
  /** Does work in a place of its own, once there is one. */
  inLane<T>(signal: AbortSignal, work: (lane: Lane) => Promise<T>): Promise<T>;
}

/** Items that have left for a while, as they sleep before another try; beyond these, none is begun in their place. */
const awayAtMost = { perPlace: 2, besides: 48 };

interface Running extends Stretch {
  inWork: number;
  /** Works on its items in a lane. */
  readonly workOn: () => Promise<void>;
  readonly end: () => void;
}

/** `places`: calls in flight at most. */
export function createLanes(places: number): Lanes {
  /** Those with items left to begin, the oldest first. */
  let stretches: Running[] = [];
  /** Lanes that have a place or wait for one. */
  let atWork = 0;
  let away = 0;
  let freePlaces = places;
  /** Who waits for a place, the longest first. */
  const waiting: (() => void)[] = [];

  async function takePlace(): Promise<void> {
    if (freePlaces > 0) freePlaces -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  }
  function givePlace(): void {
    const next = waiting.shift();
    if (next === undefined) freePlaces += 1;
    else next();
  }

  function startLanes(most: number): void {
    for (let start = 0; start < most && atWork < places && stretches.length > 0; start += 1) {
      atWork += 1;
      void work();
    }
  }

  async function work(): Promise<void> {
    await takePlace();
    // Who waits for a place gets that of the lane that ends an item first.
    do {
      const [oldest] = stretches;
      if (oldest === undefined) break;
      await oldest.workOn();
    } while (waiting.length === 0);
    givePlace();
    atWork -= 1;
  }

  /** Until none of its items is left to begin, or someone waits for the place. */
  async function workOn(stretch: Running): Promise<void> {
    const lane = { signal: stretch.signal, leaveFor };
    do {
      const item = stretches.includes(stretch) ? stretch.begin(lane) : null;
      if (item === null) return drop(stretch);
      stretch.inWork += 1;
      try {
        await item;
      } catch (error) {
        stretch.failed(error);
      }
      stretch.inWork -= 1;
    } while (waiting.length === 0);
    if (stretch.inWork === 0 && !stretches.includes(stretch)) stretch.end();
  }

  /** Another lane works in its place meanwhile. */
  async function leaveFor<T>(elsewhere: () => Promise<T>): Promise<T> {
    atWork -= 1;
    away += 1;
    givePlace();
    if (away < awayAtMost.perPlace * places + awayAtMost.besides) startLanes(1);
    try {
      return await elsewhere();
    } finally {
      away -= 1;
      atWork += 1;
      await takePlace();
    }
  }

  function drop(stretch: Running): void {
    stretches = stretches.filter((each) => each !== stretch);
    if (stretch.inWork === 0) stretch.end();
  }

  return {
    async run(stretch) {
      if (stretch.items === 0 || stretch.signal.aborted) return;
      await new Promise<void>((resolve) => {
        const running: Running = {
          ...stretch,
          inWork: 0,
          // In the context of who runs it, not of the batch for which the lane began: traces tell batches by it.
          workOn: AsyncResource.bind(() => workOn(running)),
          end,
        };
        const stay = onAbort(stretch.signal, () => drop(running));
        function end(): void {
          stay();
          resolve();
        }
        stretches.push(running);
        startLanes(stretch.items);
      });
    },
    async inLane(signal, work) {
      atWork += 1;
      await takePlace();
      try {
        return await work({ signal, leaveFor });
      } finally {
        givePlace();
        atWork -= 1;
        startLanes(1);
      }
    },
  };
}
