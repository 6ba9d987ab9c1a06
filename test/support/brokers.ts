import { inject } from 'vitest';
import { openEmbeddedDatabase } from '../../src/broker/embedded.ts';
import { connectBrokerPostgres } from '../../src/broker/postgres/connection.ts';
import { createPostgresCensusLedger } from '../../src/broker/postgres/census-ledger.ts';
import { createPostgresLedger } from '../../src/broker/postgres/ledger.ts';
import { createPostgresPace } from '../../src/broker/postgres/pace.ts';
import type { SqlPool } from '../../src/broker/postgres/pool.ts';
import { connectRedis } from '../../src/broker/redis/connection.ts';
import { createRedisCensusLedger } from '../../src/broker/redis/census-ledger.ts';
import { createRedisLedger } from '../../src/broker/redis/ledger.ts';
import { createRedisPace } from '../../src/broker/redis/pace.ts';
import type { CensusLedger } from '../../src/rotation/ports/census-ledger.ts';
import type { Ledger } from '../../src/rotation/ports/ledger.ts';
import type { Pace } from '../../src/rotation/ports/pace.ts';
import { freshDatabase } from './peers.ts';

/** A real broker, to run a contract on. Each rotation of it is empty until it is used. */
export interface TestBroker {
  ledger(rotation: string): Ledger;
  census(rotation: string): CensusLedger;
  pace(rotation: string, configuredRate: number | null): Pace;
  /** Makes all that the broker has noted of a rotation's pace, workers and census so much older. */
  elapse(rotation: string, ms: number): Promise<void>;
  close(): Promise<void>;
}

export const brokers: Readonly<Record<string, () => Promise<TestBroker>>> = {
  Redis: openRedis,
  async PostgreSQL() {
    const database = await freshDatabase();
    const pool = await connectBrokerPostgres(database.url, { onError: fail });
    return onPool(pool, () => database.drop());
  },
  PGlite: async () => onPool(await openEmbeddedDatabase('memory://'), async () => undefined),
};

async function openRedis(): Promise<TestBroker> {
  const redis = connectRedis({ url: inject('redisUrl'), onError: fail }, 'ledger');
  return {
    ledger: (rotation) => createRedisLedger({ redis, rotation }),
    census: (rotation) => createRedisCensusLedger({ redis, rotation }),
    pace: (rotation, configuredRate) => createRedisPace({ redis, rotation, configuredRate }),
    async elapse(rotation, ms) {
      const pace = `keyturn:{${rotation}}:pace`;
      for (const field of ['next_slot', 'not_before', 'quiet_since', 'fell_at', 'configured_at']) {
        if ((await redis.hexists(pace, field)) === 1) await redis.hincrbyfloat(pace, field, -ms);
      }
      const workers = `keyturn:{${rotation}}:workers`;
      for (const [id, entry] of Object.entries(await redis.hgetall(workers))) {
        const [seen, ...rates] = entry.split(' ');
        await redis.hset(workers, id, [Number(seen) - ms, ...rates].join(' '));
      }
      const census = `keyturn:{${rotation}}:census`;
      if ((await redis.exists(census)) === 1) await redis.hincrby(census, 'started_at', -ms);
    },
    close: async () => redis.disconnect(),
  };
}

function onPool(pool: SqlPool, drop: () => Promise<void>): TestBroker {
  return {
    ledger: (rotation) => createPostgresLedger({ pool, rotation }),
    census: (rotation) => createPostgresCensusLedger({ pool, rotation }),
    pace: (rotation, configuredRate) => createPostgresPace({ pool, rotation, configuredRate }),
    async elapse(rotation, ms) {
      await pool.query(
        `UPDATE keyturn.pace SET next_slot = next_slot - $2, not_before = not_before - $2, quiet_since = quiet_since - $2,
           fell_at = fell_at - $2, configured_at = configured_at - $2 WHERE rotation = $1`,
        [rotation, ms],
      );
      await pool.query(
        `UPDATE keyturn.worker SET seen_at = seen_at - $2 * interval '1 millisecond' WHERE rotation = $1`,
        [rotation, ms],
      );
      await pool.query(
        `UPDATE keyturn.census SET started_at = started_at - $2 * interval '1 millisecond' WHERE rotation = $1`,
        [rotation, ms],
      );
    },
    async close() {
      await pool.end();
      await drop();
    },
  };
}

/** No test of a contract breaks a connection. */
function fail(fault: Error): never {
  throw fault;
}
