import { randomInt, randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import pg from 'pg';
import { inject } from 'vitest';

/** A new, empty database on the run's PostgreSQL. */
export async function freshDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  await administer(`CREATE DATABASE ${name}`);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => administer(`DROP DATABASE ${name} WITH (FORCE)`) };
}

/** A database number of its own on the run's Redis. */
export async function freshRedis(): Promise<{ url: string; flush(): Promise<void> }> {
  for (;;) {
    const url = `${inject('redisUrl')}/${randomInt(1, 4096)}`;
    const redis = new Redis(url);
    try {
      // The mark keeps a number from being taken twice in one run.
      if ((await redis.dbsize()) > 0 || (await redis.setnx('taken', '1')) === 0) continue;
      return { url, flush: () => flush(url) };
    } finally {
      redis.disconnect();
    }
  }
}

async function flush(url: string): Promise<void> {
  const redis = new Redis(url);
  await redis.flushdb();
  redis.disconnect();
}

async function administer(statement: string): Promise<void> {
  const client = new pg.Client(inject('postgresUrl'));
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
