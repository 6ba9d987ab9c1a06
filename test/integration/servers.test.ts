import pg from 'pg';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { freshDatabase, freshRedis } from '../support/peers.ts';

test('each test gets a PostgreSQL database of its own', async () => {
  const database = await freshDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  const { rows } = await client.query('SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = $1', [
    'public',
  ]);
  expect(rows).toEqual([{ n: 0 }]);
  await client.end();
  await database.drop();
});

test('two tests never share a Redis database', async () => {
  const [left, right] = await Promise.all([freshRedis(), freshRedis()]);
  expect(left.url).not.toBe(right.url);
  const redis = new Redis(left.url);
  await redis.set('key', 'value');
  await left.flush();
  expect(await redis.dbsize()).toBe(0);
  redis.disconnect();
});
