import { vi } from 'vitest';
import type { Random } from './random.ts';

/** More than any run takes; one that takes more goes in circles. */
const mostSteps = 400_000;

/**
 * Runs `work` in a time of its own: timers and clocks stand still until all that was under way has come to
 * rest, and then jump to the next timer. Chance in the code under test comes from `random`. What `work` awaits
 * must come from timers alone. Null where it did not come to its end: it waits for ever, or goes in circles.
 */
export async function inVirtualTime<Result>(
  random: Random,
  work: () => Promise<Result>,
): Promise<Result | null> {
  const turn = setImmediate;
  const rest = (): Promise<void> => new Promise((resolve) => void turn(resolve));
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
    now: Date.UTC(2030, 0),
  });
  const chance = vi.spyOn(Math, 'random').mockImplementation(random.next);
  try {
    let end: { result: Result } | { error: unknown } | null = null;
    work().then(
      (result) => (end = { result }),
      (error: unknown) => (end = { error }),
    );
    for (let step = 0; step < mostSteps; step += 1) {
      await rest();
      if (end !== null) return ended(end);
      vi.advanceTimersToNextTimer();
    }
    return null;
  } finally {
    chance.mockRestore();
    vi.useRealTimers();
  }
}

function ended<Result>(end: { result: Result } | { error: unknown }): Result {
  if ('error' in end) throw end.error;
  return end.result;
}
