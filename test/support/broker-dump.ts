import { Redis } from 'ioredis';
import pg from 'pg';

/** Every key of a Redis with all that it holds. */
export async function dumpRedis(redis: Redis): Promise<string> {
  const lines: string[] = [];
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'COUNT', 1000);
    cursor = next;
    for (const key of keys) lines.push(`${key} ${flatten(await readKey(redis, key))}`);
  } while (cursor !== '0');
  return lines.join('\n');
}

async function readKey(redis: Redis, key: string): Promise<unknown> {
  const type = await redis.type(key);
  switch (type) {
    case 'string':
      return redis.callBuffer('GET', key);
    case 'hash':
      return redis.callBuffer('HGETALL', key);
    case 'list':
      return redis.callBuffer('LRANGE', key, 0, -1);
    case 'set':
      return redis.callBuffer('SMEMBERS', key);
    case 'zset':
      return redis.callBuffer('ZRANGE', key, 0, -1, 'WITHSCORES');
    case 'stream':
      return redis.callBuffer('XRANGE', key, '-', '+');
    case 'none':
      return 'gone meanwhile';
    default:
      throw new Error(`a Redis type that is not read: ${type}`);
  }
}

/** Bytes that are no UTF-8 are shown as hex beside. */
function flatten(value: unknown): string {
  if (Array.isArray(value)) return value.map(flatten).join(' ');
  if (Buffer.isBuffer(value)) return `${value.toString()} ${value.toString('hex')}`;
  return String(value);
}

/** Every row of keyturn's and BullMQ's tables. */
export async function dumpPostgres(sql: pg.Pool): Promise<string> {
  const { rows: tables } = await sql.query(
    `SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables
      WHERE schemaname IN ('keyturn', 'bullmq')`,
  );
  const lines: string[] = [];
  for (const { name } of tables) {
    const { rows } = await sql.query(`SELECT row_to_json(each)::text AS row FROM ${name} AS each`);
    lines.push(...rows.map(({ row }) => `${name} ${row}`));
  }
  return lines.join('\n');
}
