import { Redis } from 'ioredis';
import pLimit from 'p-limit';
import pg from 'pg';
import { expect, test } from 'vitest';
import { connectBrokerPostgres } from '../../src/broker/postgres/connection.ts';
import { createPostgresLedger } from '../../src/broker/postgres/ledger.ts';
import { createRedisLedger } from '../../src/broker/redis/ledger.ts';
import { emptyTally } from '../../src/rotation/batch.ts';
import type { Ledger } from '../../src/rotation/ports/ledger.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';

const batches = process.env['SLOW'] === '1' ? 1_000_000 : 2000;
const timeout = process.env['SLOW'] === '1' ? 3_600_000 : 120_000;
/** A bit for each batch, and what a rotation takes that has none. */
const allowedBytes = batches / 8 + 200_000;
const epoch = 'e1';

/** Stages and settles every batch, as many at a time as a fleet of workers would. */
async function fill(ledger: Ledger): Promise<void> {
  await ledger.begin({
    epoch,
    pin: { keyId: 'k1', versionId: 'v2' },
    planDigest: 'd',
    planParts: {},
    estimate: batches,
  });
  const workers = pLimit(30);
  const settling: Promise<unknown>[] = [];
  const startedAt = performance.now();
  for (let number = 0; number < batches; number += 1) {
    const batch = { epoch, number, refs: [`["${number}"]`], late: false };
    expect(await ledger.stage({ batch, cursor: String(number) })).toBe(true);
    settling.push(workers(() => ledger.settle(epoch, number, { ...emptyTally, rotated: 1 }, [], { v1: 1 })));
    if (settling.length === 1000) await Promise.all(settling.splice(0));
  }
  await Promise.all(settling);
  await ledger.completeScan(epoch);
  const msPerBatch = (performance.now() - startedAt) / batches;
  process.stdout.write(`${batches} batches, ${msPerBatch.toFixed(2)} ms each\n`);
  expect(await ledger.snapshot()).toMatchObject({
    state: 'finished',
    settledBatches: batches,
    enqueued: batches,
    tally: { rotated: batches },
  });
}

test(`a ledger on Redis keeps a bit for each of ${batches} batches, and no more`, { timeout }, async () => {
  const redis = new Redis((await freshRedis()).url);
  const rotation = 'large';
  await fill(createRedisLedger({ redis, rotation }));
  const keys = await redis.keys('keyturn:*');
  const sizes = await Promise.all(keys.map((key) => redis.memory('USAGE', key, 'SAMPLES', 0)));
  const bytes = sizes.reduce<number>((sum, size) => sum + Number(size), 0);
  process.stdout.write(`Redis: ${bytes} bytes\n`);
  expect(bytes).toBeLessThan(allowedBytes);
  redis.disconnect();
});

test(
  `a ledger on PostgreSQL keeps a bit for each of ${batches} batches, and no more`,
  { timeout },
  async () => {
    const database = await freshDatabase();
    const pool = await connectBrokerPostgres(database.url, { onError: () => undefined });
    await fill(createPostgresLedger({ pool, rotation: 'large' }));
    const sql = new pg.Client(database.url);
    await sql.connect();
    // What updates leave behind is the vacuum's to take.
    await sql.query('VACUUM FULL keyturn.settled; ');
    const { rows } = await sql.query(`SELECT pg_total_relation_size('keyturn.settled')::int AS bytes`);
    process.stdout.write(`PostgreSQL: ${rows[0].bytes} bytes\n`);
    // Half of each page is left free for updates.
    expect(rows[0].bytes).toBeLessThan(4 * allowedBytes);
    await sql.end();
    await pool.end();
    await database.drop();
  },
);
