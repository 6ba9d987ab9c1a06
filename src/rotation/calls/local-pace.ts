import type { Pace } from '../ports/pace.ts';

/** As for the pace over all workers. */
const fallTo = 0.7;
const floor = 0.1;
const betweenFallsMs = 1000;

/**
 * A limit on the calls of this process alone, for a command that has no broker to ask. It runs for a short
 * time: a rate that fell after a 429 does not climb back.
 */
export function createLocalPace(
  ratePerSecond: number | null,
  now = () => performance.now(),
): Pick<Pace, 'take' | 'penalize'> {
  const limit = ratePerSecond ?? Infinity;
  let rate = limit;
  let free = 0;
  let fellAt = -Infinity;
  return {
    async take(calls) {
      const asked = now();
      const spacingMs = 1000 / rate;
      const start = Math.max(asked, free);
      free = start + calls * spacingMs;
      return { delayMs: start - asked, spacingMs, effectiveRate: rate };
    },
    async penalize(retryAfterMs) {
      free = Math.max(free, now() + retryAfterMs);
      if (now() - fellAt < betweenFallsMs) return;
      fellAt = now();
      rate = Math.max(rate * fallTo, limit * floor);
    },
  };
}
