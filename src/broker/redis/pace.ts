import { z } from 'zod';
import type { Pace } from '../../rotation/ports/pace.ts';
import { parseStored } from '../stored-value.ts';
import { formatRate, parseGrant, parseRates } from '../pace-rule.ts';
import type { RedisConnection } from './connection.ts';
import { paceLua } from './pace.lua.ts';
import { bindScript } from './run-script.ts';

export interface RedisPaceOptions {
  readonly redis: RedisConnection;
  readonly rotation: string;
  /** `limits.rate` of this process's config, calls per second; null = no limit. */
  readonly configuredRate: number | null;
}

const cells = z.array(z.string());

/** The global pace on Redis, Valkey or a Cluster of them. */
export function createRedisPace({ redis, rotation, configuredRate }: RedisPaceOptions): Pace {
  const run = bindScript(redis, paceLua, [`keyturn:{${rotation}}:pace`]);
  const configured = formatRate(configuredRate);

  return {
    async take(calls) {
      const [delay, spacing, effective] = parseStored(cells, await run('take', configured, calls));
      return parseGrant({ delay, spacing, effective });
    },
    async penalize(retryAfterMs) {
      await run('penalize', configured, retryAfterMs);
    },
    async setRate(ratePerSecond) {
      await run('setRate', configured, formatRate(ratePerSecond));
    },
    async rates() {
      const [configuredNow, effective] = parseStored(cells, await run('rates', configured));
      return parseRates({ configured: configuredNow, effective });
    },
  };
}
