import type { Pace } from '../../rotation/ports/pace.ts';
import { formatRate, parseGrant, parseRates } from '../pace-rule.ts';
import type { SqlPool } from './pool.ts';
import { bindPool } from './run-statement.ts';

export interface PostgresPaceOptions {
  /** With the schema of `migrateLedger`. */
  readonly pool: SqlPool;
  readonly rotation: string;
  /** `limits.rate` of this process's config, calls per second; null = no limit. */
  readonly configuredRate: number | null;
}

/** The global pace on PostgreSQL, also embedded. */
export function createPostgresPace({ pool, rotation, configuredRate }: PostgresPaceOptions): Pace {
  const run = bindPool(pool);
  const configured = formatRate(configuredRate);

  return {
    async take(calls) {
      const [row] = await run('SELECT * FROM keyturn.pace_take($1, $2, $3)', rotation, configured, calls);
      return parseGrant(row);
    },
    async penalize(retryAfterMs) {
      await run('SELECT keyturn.pace_penalize($1, $2)', rotation, retryAfterMs);
    },
    async setRate(ratePerSecond) {
      const rate = formatRate(ratePerSecond);
      await run('SELECT keyturn.pace_set_rate($1, $2, $3)', rotation, configured, rate);
    },
    async rates() {
      const [row] = await run('SELECT * FROM keyturn.pace_rates($1, $2)', rotation, configured);
      return parseRates(row);
    },
  };
}
