import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPostgresBackend, Queue, Worker } from 'bullmq';
import { Client } from 'pg';
import { afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { toBrokerFault } from '../../src/broker/broker-fault.ts';
import { lockEmbedded } from '../../src/broker/embedded-lock.ts';
import { openEmbeddedDatabase } from '../../src/broker/embedded.ts';
import { createPostgresLedger } from '../../src/broker/postgres/ledger.ts';
import type { SqlPool } from '../../src/broker/postgres/pool.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const inUse = { faultClass: 'usage', code: 'EMBEDDED_IN_USE' };

function newFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'keyturn-embedded-'));
  closing.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function open(dir: string): Promise<SqlPool> {
  const pool = await openEmbeddedDatabase(dir);
  closing.push(() => pool.end());
  return pool;
}

/** A process of its own that opens `dir`, begins epoch `from-child` in its ledger, says so and stays. */
function startOwner(dir: string): ChildProcess {
  const code = `
    import { openEmbeddedDatabase } from './dist/broker/embedded.js';
    import { createPostgresLedger } from './dist/broker/postgres/ledger.js';
    const pool = await openEmbeddedDatabase(${JSON.stringify(dir)});
    const ledger = createPostgresLedger({ pool, rotation: 'r' });
    await ledger.begin({ epoch: 'from-child', pin: { keyId: 'k', versionId: 'v' }, planDigest: 'd', planParts: {}, estimate: 1 });
    console.log('begun');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closing.push(() => kill(child));
  return child;
}

async function startedOwner(dir: string): Promise<ChildProcess> {
  const child = startOwner(dir);
  await once(child.stdout ?? child, 'data');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

describe('the folder of an embedded broker', () => {
  test(
    'a second process is refused in words, and takes over at once when the first was killed',
    { timeout: 60_000 },
    async () => {
      const dir = newFolder();
      const owner = await startedOwner(dir);
      await expect(openEmbeddedDatabase(dir)).rejects.toMatchObject({
        ...inUse,
        message: `embedded broker ${dir} is in use by another keyturn process; stop it, or use a redis:// or postgres:// broker`,
      });
      await kill(owner);

      const pool = await open(dir);
      const ledger = createPostgresLedger({ pool, rotation: 'r' });
      expect(await ledger.snapshot()).toMatchObject({ state: 'running', epoch: 'from-child' });
      await expect(openEmbeddedDatabase(dir)).rejects.toMatchObject(inUse);
      await pool.end();
      expect(readdirSync(dir).filter((name) => name.endsWith('.sock'))).toEqual([]);
      // What was closed is there again.
      const again = createPostgresLedger({ pool: await open(dir), rotation: 'r' });
      expect(await again.snapshot()).toMatchObject({ epoch: 'from-child' });
    },
  );

  test('one that cannot be made is told', async () => {
    const file = join(newFolder(), 'file');
    writeFileSync(file, '');
    await expect(openEmbeddedDatabase(join(file, 'dir'))).rejects.toMatchObject({
      faultClass: 'usage',
      code: 'EMBEDDED_FOLDER',
    });
  });

  test('of many who want it at once no two get it, and it is free again after each', async () => {
    const dir = newFolder();
    for (let round = 0; round < 5; round += 1) {
      const tried = await Promise.allSettled(Array.from({ length: 4 }, () => lockEmbedded(dir)));
      const got = tried.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
      expect(got.length).toBeLessThanOrEqual(1);
      for (const each of tried) if (each.status === 'rejected') expect(each.reason).toMatchObject(inUse);
      for (const lock of got) lock.release();
      (await lockEmbedded(dir)).release();
    }
  });

  test('one with a path too long for a socket is kept too', async () => {
    const dir = join(newFolder(), 'x'.repeat(120));
    mkdirSync(dir);
    const lock = await lockEmbedded(dir);
    await expect(lockEmbedded(dir)).rejects.toMatchObject(inUse);
    lock.release();
    (await lockEmbedded(dir)).release();
  });
});

describe('the embedded database in the shape of a pg.Pool', () => {
  let pool: SqlPool;
  beforeAll(async () => {
    pool = await openEmbeddedDatabase('memory://');
    await pool.query('CREATE TABLE public.t (i integer)');
  });
  const numbers = async (): Promise<unknown[]> =>
    (await pool.query<{ i: number }>('SELECT i FROM public.t ORDER BY i')).rows.map(({ i }) => i);

  test('a transaction has the session to itself, so that nobody writes into it or sees it half done', async () => {
    const one = await pool.connect();
    await one.query('BEGIN');
    await one.query('INSERT INTO public.t VALUES ($1)', [1]);
    const others = Promise.all([numbers(), pool.query('INSERT INTO public.t VALUES (3)')]);
    await one.query('INSERT INTO public.t VALUES (2)');
    await one.query('ROLLBACK');
    expect((await others)[0]).toEqual([]);
    expect(await numbers()).toEqual([3]);
    one.release();
  });

  test('a client given back within a transaction, failed or not, holds up nobody and changes nothing', async () => {
    const one = await pool.connect();
    await one.query('BEGIN');
    await one.query('DELETE FROM public.t');
    await expect(one.query('SELECT 1 / 0')).rejects.toMatchObject({ code: '22012' });
    one.release();
    expect(await numbers()).toEqual([3]);
  });

  test('a client that listens holds up nobody, and hears what is told', async () => {
    const listener = await pool.connect();
    const heard: unknown[] = [];
    listener.on('notification', (message) => heard.push(message));
    await listener.query('LISTEN news');
    await pool.query(`SELECT pg_notify('news', $1)`, ['first']);
    await vi.waitFor(() => expect(heard).toEqual([{ channel: 'news', payload: 'first' }]));
    listener.release();
    await pool.query(`SELECT pg_notify('news', $1)`, ['second']);
    expect(heard).toHaveLength(1);
  });

  test('a worker of BullMQ is woken by a job, not by its timer', async () => {
    const connection = pool;
    const done: unknown[] = [];
    const worker = new Worker(
      'q',
      async (job) => void done.push(job.data),
      { connection, drainDelay: 60 },
      createPostgresBackend,
    );
    const queue = new Queue('q', { connection }, createPostgresBackend);
    await worker.waitUntilReady();
    await queue.add('batch', { n: 1 });
    await vi.waitFor(() => expect(done).toHaveLength(1), { timeout: 5000 });
    await queue.add('batch', { n: 2 });
    await vi.waitFor(() => expect(done).toEqual([{ n: 1 }, { n: 2 }]), { timeout: 5000 });
    await worker.close();
    await queue.close();
  });

  test('rows are as node-postgres gives them', async () => {
    const text = `SELECT 9007199254740993::int8 AS a, 2.50::numeric AS b, 7::int4 AS c, 'x'::text AS d, NULL AS e, true AS f,
      '{"g":[1]}'::jsonb AS g, ARRAY['h','"']::text[] AS h, 1.5::float8 AS i, 'Infinity'::float8 AS j,
      '2026-01-02T03:04:05Z'::timestamptz AS k, $1::text[] AS l, $2::int8 AS m`;
    const values = [['a', 'b"c\\'], 5];
    const client = new Client(inject('postgresUrl'));
    await client.connect();
    const { rows, rowCount } = await client.query(text, values);
    await client.end();
    expect(await pool.query(text, values)).toEqual({ rows, rowCount });
  });

  test('after its end calls fail, and do not hang; ending it again is harmless', async () => {
    await Promise.all([pool.end(), pool.end()]);
    const error: unknown = await pool.query('SELECT 1').catch((thrown: unknown) => thrown);
    expect(toBrokerFault(error)).toMatchObject({ faultClass: 'transient', code: 'BROKER_UNREACHABLE' });
  });
});
