import { Socket } from 'node:net';
import { Fault } from '../../rotation/faults.ts';
import type { SqlPool } from './sql-pool.ts';

const connectTimeoutMs = 10_000;
const queryTimeoutMs = 60_000;
const keepAliveAfterMs = 10_000;
const endTimeoutMs = 5_000;

/** The text of dates and times in references and AAD must not hang on how a server or role is set up. */
const sessionSettings = '-c datestyle=ISO -c timezone=UTC';

export interface PostgresConnectionOptions {
  /** Connections at most; a statement waits up to 10 s for a free one. */
  readonly connections: number;
  /** Sent as `statement_timeout`; none where absent, since old PgBouncers refuse to pass it on. */
  readonly statementTimeoutMs?: number;
  readonly applicationName?: string;
}

/**
 * A pool of connections to PostgreSQL; none is opened yet. Nothing of it waits without limit on a dead
 * server: a connection may take 10 s, a statement 60 s, `end` 5 s. A usage `Fault` where the URL is wrong, or
 * the package `pg` is not installed.
 */
export async function connectPostgres(url: string, options: PostgresConnectionOptions): Promise<SqlPool> {
  const { Client, Pool } = await importPg();
  const sockets = new Set<Socket>();
  const config = {
    connectionString: withSessionSettings(url),
    options: sessionSettings,
    application_name: options.applicationName ?? 'keyturn',
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
    ...(options.statementTimeoutMs === undefined ? {} : { statement_timeout: options.statementTimeoutMs }),
    stream: () => {
      const socket = new Socket();
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      return socket;
    },
  };
  try {
    // The pool parses its URL only when it connects.
    void new Client(config);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown error';
    throw badUrl(reason);
  }
  sockets.clear();
  const pool = new Pool({ ...config, max: options.connections });
  // A connection lost while idle: the pool drops it, and the next statement finds out for itself.
  pool.on('error', () => undefined);

  async function end(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, endTimeoutMs);
    });
    const closed = pool.end().then(() => Promise.all([...sockets].map(closing)));
    await Promise.race([closed, late]).finally(() => clearTimeout(timer));
    for (const socket of sockets) socket.destroy();
  }
  let ended: Promise<void> | undefined;
  return {
    query: (text, values) => pool.query<Record<string, unknown>>(text, values),
    end: () => (ended ??= end()),
  };
}

function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}

async function importPg(): Promise<Pick<typeof import('pg'), 'Client' | 'Pool'>> {
  try {
    return (await import('pg')).default;
  } catch (error) {
    throw new Fault('usage', 'MISSING_PACKAGE', 'a PostgreSQL store needs the package pg: npm install pg', {
      cause: error,
    });
  }
}

/** What the URL says wins over the config's `options`, so there ours are added to it. */
function withSessionSettings(url: string): string {
  if (!/^postgres(ql)?:\/\//.test(url)) throw badUrl('it must begin with postgres://');
  return url.replace(/[?&]options=[^&#]*/, (given) => `${given}+${sessionSettings.replaceAll(' ', '+')}`);
}

function badUrl(reason: string): Fault {
  return new Fault('usage', 'BAD_STORE_URL', `store.url is not the URL of a PostgreSQL database: ${reason}`);
}
