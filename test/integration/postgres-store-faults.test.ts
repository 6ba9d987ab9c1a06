import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Client } from 'pg';
import { afterEach, describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { connectPostgres, type PostgresConnectionOptions } from '../../src/stores/postgres/connect.ts';
import type { SqlPool } from '../../src/stores/postgres/sql-pool.ts';
import type { RecordStore } from '../../src/rotation/ports/record-store.ts';
import { openPostgresStore } from '../../src/stores/postgres.ts';
import { freshDatabase } from '../support/peers.ts';
import { freePort, startPostgres } from '../support/servers.ts';

const unavailable = { faultClass: 'transient', code: 'STORE_UNAVAILABLE', peer: 'store' };

afterEach(() => {
  vi.useRealTimers();
});

async function connectTo(url: string, options: Partial<PostgresConnectionOptions> = {}): Promise<SqlPool> {
  const pool = await connectPostgres(url, { connections: 2, ...options });
  onTestFinished(() => pool.end());
  return pool;
}

function open(pool: SqlPool): Promise<RecordStore> {
  return openPostgresStore({ pool, table: 'accounts', key: ['id'], column: 'ssn', fields: [] });
}

async function fill(url: string): Promise<void> {
  const client = new Client(url);
  await client.connect();
  await client.query(
    `CREATE TABLE accounts (id int PRIMARY KEY, ssn text); INSERT INTO accounts VALUES (1, 'old')`,
  );
  await client.end();
}

async function filledDatabase(): Promise<string> {
  const database = await freshDatabase();
  onTestFinished(() => database.drop());
  await fill(database.url);
  return database.url;
}

/** A way to PostgreSQL that can fall silent: connections stay open, nothing passes any more. */
async function silencable(
  target: number,
): Promise<{ port: number; server: Server; silence(): void; open: () => number }> {
  const sockets = new Set<Socket>();
  let silent = false;
  const server = createServer((socket) => {
    const upstream = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      from.on('data', (chunk) => silent || to.write(chunk));
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { port, server, silence: () => (silent = true), open: () => sockets.size };
}

async function silentWay() {
  const direct = await filledDatabase();
  const way = await silencable(Number(new URL(inject('postgresUrl')).port));
  const url = new URL(direct);
  url.port = String(way.port);
  return { ...way, url: url.href };
}
function useFakeTimeouts(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
}

describe('a server out of reach', () => {
  test('that nobody listens for is transient', async () => {
    const pool = await connectTo(`postgres://u:secret-pw@127.0.0.1:${await freePort()}/db`);
    const fault = await open(pool).catch((error: unknown) => error);
    expect(fault).toMatchObject({ ...unavailable, message: expect.stringContaining('ECONNREFUSED') });
    expect(JSON.stringify(fault)).not.toContain('secret-pw');
  });

  test('that is killed is transient, and the same store goes on when it is back', async () => {
    const server = await startPostgres();
    onTestFinished(() => server.stop());
    await fill(server.url);
    const store = await open(await connectTo(server.url));
    expect(await store.read(['["1"]'])).toHaveLength(1);
    await server.kill();
    await expect(store.read(['["1"]'])).rejects.toMatchObject(unavailable);
    await expect(store.count()).rejects.toMatchObject(unavailable);
    await server.restart();
    expect(await store.read(['["1"]'])).toHaveLength(1);
  });

  test('whose connections an administrator ends is transient', async () => {
    const url = await filledDatabase();
    const [pool, admin] = [await connectTo(url), await connectTo(url)];
    await admin.query('SELECT pg_advisory_lock(1)');
    const waiting = openPostgresStore({
      pool,
      table: 'accounts',
      key: ['id'],
      column: 'ssn',
      fields: [],
      where: 'pg_advisory_lock(1) IS NOT NULL',
    })
      .then((store) => store.read(['["1"]']))
      .catch((error: unknown) => error);
    await vi.waitFor(async () => {
      const { rows } = await admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'`,
      );
      expect(rows).toHaveLength(1);
    });
    expect(await waiting).toMatchObject(unavailable);
  });
});

describe('a server that has gone silent', () => {
  test('is waited for 10 s when connecting', async () => {
    const way = await silentWay();
    way.silence();
    const pool = await connectTo(way.url);
    useFakeTimeouts();
    const opening = open(pool).catch((error: unknown) => error);
    await once(way.server, 'connection');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await opening).toMatchObject(unavailable);
  });

  test('is waited for 60 s for a reply, 5 s at the end, and leaves no connection open', async () => {
    const way = await silentWay();
    const pool = await connectTo(way.url);
    const store = await open(pool);
    way.silence();
    useFakeTimeouts();
    const reading = store.read(['["1"]']).catch((error: unknown) => error);
    const scan = store.scan(null, 10, new AbortController().signal)[Symbol.asyncIterator]();
    const scanning = scan.next().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await reading).toMatchObject(unavailable);
    expect(await scanning).toMatchObject(unavailable);

    const stuck = store.count().catch((error: unknown) => error);
    const closing = store.close();
    await vi.advanceTimersByTimeAsync(5000);
    await closing;
    await store.close();
    expect(await stuck).toMatchObject(unavailable);
    vi.useRealTimers();
    await vi.waitFor(() => expect(way.open()).toBe(0));
  });

  test('does not hold up a scan that is aborted', async () => {
    const way = await silentWay();
    const store = await open(await connectTo(way.url));
    way.silence();
    const control = new AbortController();
    const next = store.scan(null, 10, control.signal)[Symbol.asyncIterator]().next();
    control.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    useFakeTimeouts();
    const closing = store.close();
    await vi.advanceTimersByTimeAsync(5000);
    await closing;
  });
});

describe('a server that refuses', () => {
  test.each([
    ['an unknown database', (url: URL) => (url.pathname = '/nowhere'), 'STORE_NO_DATABASE', /3D000/],
    ['an unknown role', (url: URL) => (url.username = 'nobody'), 'STORE_DENIED', /28000/],
    ['TLS', (url: URL) => url.searchParams.set('ssl', 'true'), 'STORE_DENIED', /does not support SSL/],
  ])('%s stops the rotation', async (_, change, code, words) => {
    const url = new URL(inject('postgresUrl'));
    change(url);
    await expect(open(await connectTo(url.href))).rejects.toMatchObject({
      faultClass: 'rotation',
      peer: 'store',
      code,
      message: expect.stringMatching(words),
    });
  });

  test.each([
    ['the column', 'ALTER TABLE accounts DROP ssn', /42703/],
    ['the table', 'DROP TABLE accounts', /42P01/],
  ])('because %s is gone stops the rotation', async (_, statement, words) => {
    const pool = await connectTo(await filledDatabase());
    const store = await open(pool);
    await pool.query(statement);
    const gone = { faultClass: 'rotation', code: 'STORE_SCHEMA', message: expect.stringMatching(words) };
    await expect(store.read(['["1"]'])).rejects.toMatchObject(gone);
    await expect(store.count()).rejects.toMatchObject(gone);
    await expect(
      store.scan(null, 1, new AbortController().signal)[Symbol.asyncIterator]().next(),
    ).rejects.toMatchObject(gone);
  });

  test('a lock on the whole table is waited for no longer than statementTimeoutMs', async () => {
    const url = await filledDatabase();
    const store = await open(await connectTo(url, { statementTimeoutMs: 100 }));
    const application = await connectTo(url, { connections: 1 });
    await application.query('BEGIN; LOCK TABLE accounts');
    await expect(store.read(['["1"]'])).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('57014'),
    });
    await application.query('ROLLBACK');
  });
});

describe('the URL', () => {
  test.each([
    'localhost:5432/db',
    'https://u:secret-pw@host/db',
    'postgres://u:secret-pw@ho st:port/db',
    'postgres://u:secret-pw@host/db?sslrootcert=/nowhere/ca.pem',
  ])('%s is refused without its password', async (url) => {
    const fault = await connectPostgres(url, { connections: 1 }).catch((error: unknown) => error);
    expect(fault).toMatchObject({
      faultClass: 'usage',
      code: 'BAD_STORE_URL',
      message: expect.not.stringContaining('secret-pw'),
    });
  });

  test('keeps its own options beside the fixed form of dates', async () => {
    const { rows } = await (
      await connectTo(
        `${inject('postgresUrl')}?options=-c%20datestyle=German%20-c%20work_mem=8MB&application_name=mine`,
      )
    ).query(
      `SELECT current_setting('work_mem') AS memory, now()::date::text ~ '^\\d{4}-\\d\\d-\\d\\d$' AS iso,
              current_setting('timezone') AS zone, current_setting('application_name') AS name`,
    );
    expect(rows).toEqual([{ memory: '8MB', iso: true, zone: 'UTC', name: 'mine' }]);
  });
});
