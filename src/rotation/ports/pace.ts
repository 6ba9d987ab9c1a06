/**
 * A slice of the global rate: `calls` calls may start,
 * the first in `delayMs`, each `spacingMs` after the last.
 */
export interface PaceGrant {
  readonly delayMs: number;
  readonly spacingMs: number;
  /** The rate in force after throttling, calls per second; Infinity = no limit. */
  readonly effectiveRate: number;
}

/** The limit on KMS calls over all workers together (generic cell rate algorithm, kept in the broker). */
export interface Pace {
  /** Reserves the next `calls` calls in one atomic step. Never waits: the caller does, by the grant. */
  take(calls: number): Promise<PaceGrant>;
  /**
   * After a 429: no slice starts earlier than `retryAfterMs` from now, and the effective rate falls by 30 %,
   * once a second at most and never below a tenth of the configured rate. It climbs back by 2 % of the
   * configured rate per quiet second.
   */
  penalize(retryAfterMs: number): Promise<void>;
  /**
   * Changes the rate live for all workers, calls per second; null = no limit. It survives restarts, and ends
   * when the rate in the config becomes another one.
   */
  setRate(ratePerSecond: number | null): Promise<void>;
  /** The configured and the effective rate now; null = no limit. */
  rates(): Promise<{ configured: number | null; effective: number | null }>;
}
