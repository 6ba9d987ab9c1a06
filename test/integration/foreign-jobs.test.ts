import { createPostgresBackend, Queue, type BackendFactory, type IQueueBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { connectBrokerPostgres } from '../../src/broker/postgres/connection.ts';
import type { SqlPool } from '../../src/broker/postgres/pool.ts';
import { readHostile } from '../support/hostile-vectors.ts';
import { minimalConfig } from '../support/parse-config.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';
import { openParts, type Parts } from '../support/rotation-parts.ts';

const name = z.string();
const vectors = readHostile(
  'jobs.json',
  z.strictObject({
    /** What lies in a job, as JSON. `dropped`: it could be ours, but nobody waits for it. */
    data: z.array(z.strictObject({ name, data: z.string(), dropped: z.boolean().default(false) })),
    /** A job's hash in Redis. `unreadable`: BullMQ cannot read it, so that it stays where it is. */
    hashes: z.array(
      z.strictObject({
        name,
        fields: z.record(z.string(), z.string()),
        unreadable: z.boolean().default(false),
      }),
    ),
  }),
);
const rotation = minimalConfig.rotation;
const records = 40;
const postgresBackend: BackendFactory<IQueueBackend, SqlPool> = createPostgresBackend;

/** Works a rotation behind the foreign jobs, and sees that they neither stop it nor count. */
async function expectUnharmed(parts: Parts, setAside: number): Promise<void> {
  const { core, broker, seen } = parts;
  core.seed(records);
  await parts.begin('e1', 4);
  parts.startWorker();
  await vi.waitFor(
    async () => {
      expect((await broker.ledger.snapshot()).state).toBe('finished');
      expect((await broker.queue.counts()).failed).toBe(setAside);
    },
    { timeout: 15_000, interval: 25 },
  );
  expect((await broker.ledger.snapshot()).tally).toMatchObject({ rotated: records, failed: 0 });
  expect(core.kms.calls).toHaveLength(records);
  expect(new Set(seen.brokerFaults.map(({ code }) => code))).toEqual(new Set(['FOREIGN_JOB']));
  expect(seen.faults).toEqual([]);
}

test.each(['redis', 'postgres'] as const)(
  'what another program put into the queue, over %s, is set aside and stops nobody',
  async (kind) => {
    const { url } = kind === 'redis' ? await freshRedis() : await freshDatabase();
    const parts = await openParts(url);
    const pool = kind === 'redis' ? null : await connectBrokerPostgres(url, { onError: () => undefined });
    const queue =
      pool === null
        ? new Queue(rotation, { connection: { url } })
        : new Queue(rotation, { connection: pool }, postgresBackend);
    for (const { data } of vectors.data) await queue.add('batch', JSON.parse(data));
    const foreign = vectors.data.filter(({ dropped }) => !dropped);
    await expectUnharmed(parts, foreign.length);
    expect(parts.seen.batches.filter((outcome) => outcome === 'dropped')).toHaveLength(1);
    await parts.close();
    await queue.close();
    await pool?.end();
  },
);

test('jobs that are none, written past BullMQ, are set aside where it can read them, and stop nobody', async () => {
  const { url } = await freshRedis();
  const parts = await openParts(url);
  const redis = new Redis(url);
  for (const [index, { fields }] of vectors.hashes.entries()) {
    if (Object.keys(fields).length > 0) await redis.hset(`bull:${rotation}:foreign-${index}`, fields);
    await redis.lpush(`bull:${rotation}:wait`, `foreign-${index}`);
  }
  await expectUnharmed(parts, vectors.hashes.filter(({ unreadable }) => !unreadable).length);
  await parts.close();
  redis.disconnect();
});
