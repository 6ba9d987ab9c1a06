import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { Fault } from '../../rotation/faults.ts';
import { toBrokerFault } from '../broker-fault.ts';
import { bullmq } from '../bullmq.ts';
import type { SqlPool } from './pool.ts';
import { migrateLedger } from './schema.ts';

const {
  assertSchemaCompatibility,
  isPgPool,
  LATEST_SCHEMA_VERSION,
  runMigrations,
  SchemaMigrationRequiredError,
} = bullmq;

export interface PostgresBrokerOptions {
  /** Told when an idle connection breaks, while the pool makes a new one by itself. */
  readonly onError: (fault: Fault) => void;
  /** PEM texts. */
  readonly tls?: { ca?: string | undefined; cert?: string | undefined; key?: string | undefined } | undefined;
}

/** BullMQ names its tables without a schema. */
export const searchPath = 'bullmq,public';
const connectWithinMs = 5000;
const answerWithinMs = 10_000;
const endWithinMs = 2000;

/**
 * Connects to a PostgreSQL broker and makes the tables of keyturn and of BullMQ where they are missing. A
 * query answers or fails within ten seconds; a LISTEN client of BullMQ may wait for ever, as waiting is no
 * query. Throws broker faults, and a usage fault where the address cannot be read or `pg` is not installed.
 */
export async function connectBrokerPostgres(url: string, options: PostgresBrokerOptions): Promise<SqlPool> {
  const pool = new (await loadPool())({
    ...readConnection(url, options.tls),
    max: 10,
    keepAlive: true,
    connectionTimeoutMillis: connectWithinMs,
    query_timeout: answerWithinMs,
    application_name: 'keyturn',
  });
  pool.on('error', (error) => {
    // What a connection says while we end it is no news.
    if (!pool.ending) options.onError(toBrokerFault(error));
  });
  // A connection that breaks while we or BullMQ hold it fails its query, and says so once more by itself: an
  // error that nobody listens to would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const bounded = boundEnd(pool);
  try {
    await prepareDatabase(bounded);
  } catch (error) {
    await bounded.end();
    throw error;
  }
  return bounded;
}

/** Makes what ledger, pace and BullMQ keep in a database. Any number of processes may do so at a time. */
export async function prepareDatabase(pool: SqlPool): Promise<void> {
  await migrateLedger(pool);
  try {
    const client = await pool.connect();
    try {
      // Where all is in place, no right to create anything is needed.
      if (!(await isBullCurrent(client))) {
        // Two of BullMQ's migrations at a time can collide in the catalog.
        await client.query(`SELECT pg_advisory_lock(hashtext('keyturn.bullmq'))`);
        try {
          if (!(await isBullCurrent(client))) await runMigrations(client);
        } finally {
          await client.query(`SELECT pg_advisory_unlock(hashtext('keyturn.bullmq'))`);
        }
      }
    } finally {
      client.release();
    }
  } catch (error) {
    throw toBrokerFault(error);
  }
}

async function isBullCurrent(client: Parameters<typeof runMigrations>[0]): Promise<boolean> {
  try {
    return (await assertSchemaCompatibility(client)) >= LATEST_SCHEMA_VERSION;
  } catch (error) {
    if (error instanceof SchemaMigrationRequiredError) return false;
    throw error;
  }
}

async function loadPool(): Promise<typeof Pool> {
  try {
    return (await import('pg')).default.Pool;
  } catch {
    const what = "a postgres:// broker needs the package 'pg'; npm install pg";
    throw new Fault('usage', 'MISSING_PACKAGE', what, { peer: 'broker' });
  }
}

/** What the URL says itself of `options` and TLS would hide ours, so it is taken out of it. */
function readConnection(
  text: string,
  tls: PostgresBrokerOptions['tls'],
): { connectionString: string; options: string; ssl?: object } {
  if (!URL.canParse(text)) {
    const what = 'broker address is no URL; write postgres://user:password@host:5432/database';
    throw new Fault('usage', 'BAD_BROKER', what, { peer: 'broker' });
  }
  const url = new URL(text);
  const given = url.searchParams.get('options');
  url.searchParams.delete('options');
  if (tls !== undefined) {
    for (const name of ['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey']) url.searchParams.delete(name);
  }
  return {
    connectionString: url.href,
    options: `${given ?? ''} -c search_path=${searchPath}`.trim(),
    ...(tls === undefined ? {} : { ssl: { ...tls } }),
  };
}

/** `pg` waits for the server's goodbye, which never comes from a dead one, and wants to be ended once. */
function boundEnd(pool: Pool): SqlPool {
  const end = pool.end.bind(pool);
  let ending: Promise<void> | undefined;
  const bounded = Object.assign(pool, {
    end: () => (ending ??= Promise.race([end(), delay(endWithinMs, undefined, { ref: false })])),
  });
  return toSqlPool(bounded);
}

/**
 * BullMQ's own check: it writes the types of listeners
 * in another way than `pg`, though each `pg.Pool` is one.
 */
function toSqlPool(pool: unknown): SqlPool {
  if (isPgPool(pool)) return pool;
  throw new Fault(
    'usage',
    'WRONG_PACKAGE',
    "the installed package 'pg' is not the one that BullMQ knows; npm install pg@8",
    {
      peer: 'broker',
    },
  );
}
