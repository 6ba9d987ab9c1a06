import { z } from 'zod';
import { Fault } from '../rotation/faults.ts';
import type { PaceGrant } from '../rotation/ports/pace.ts';
import { parseStored } from './stored-value.ts';

/** The numbers of the pace, for both brokers. */
export const paceRule = {
  /**
   * Calls keep this much more than their even distance,
   * so that jitter on the way to the KMS breaks no limit.
   */
  reserve: 1.005,
  /** What a 429 leaves of the effective rate. */
  fallTo: 0.7,
  /** The effective rate falls once in this time at most. */
  betweenFallsMs: 1000,
  /** Least share of the limit that is left after any number of 429s. */
  floor: 0.1,
  /** Share of the limit that comes back in each second without a 429. */
  climbPerSecond: 0.02,
  /** After a change of the limit no slot granted under the old one holds the next slice back for longer. */
  carryOverMs: 250,
  /** A changed config drops such slots once; workers with two configs at a time do not do so in turns. */
  settledConfigMs: 10_000,
} as const;

/** How JavaScript and PostgreSQL write a rate without a limit. */
const noLimit = 'Infinity';

/** A rate as the brokers keep it. Throws on a rate that is none: it would stop the rotation for ever. */
export function formatRate(ratePerSecond: number | null): string {
  if (ratePerSecond === null) return noLimit;
  if (Number.isFinite(ratePerSecond) && ratePerSecond > 0) return String(ratePerSecond);
  throw new Fault(
    'usage',
    'BAD_RATE',
    `rate ${ratePerSecond} is not a number above 0; without a limit it is 'none'`,
  );
}

const value = z.number().nonnegative().or(z.literal(Infinity));
const number = z.union([value, z.string().transform(Number).pipe(value)]);
const grantRow = z.object({ delay: number, spacing: number, effective: number });
const ratesRow = z.object({ configured: number, effective: number });

export function parseGrant(row: unknown): PaceGrant {
  const { delay, spacing, effective } = parseStored(grantRow, row);
  return { delayMs: delay, spacingMs: spacing, effectiveRate: effective };
}

export function parseRates(row: unknown): { configured: number | null; effective: number | null } {
  const { configured, effective } = parseStored(ratesRow, row);
  return { configured: finite(configured), effective: finite(effective) };
}

function finite(rate: number): number | null {
  return rate === Infinity ? null : rate;
}
