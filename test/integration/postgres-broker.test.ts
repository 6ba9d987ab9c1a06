import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { connectBrokerPostgres } from '../../src/broker/postgres/connection.ts';
import { createPostgresLedger } from '../../src/broker/postgres/ledger.ts';
import type { SqlPool } from '../../src/broker/postgres/pool.ts';
import { migrateLedger } from '../../src/broker/postgres/schema.ts';
import { emptyTally } from '../../src/rotation/batch.ts';
import type { Fault } from '../../src/rotation/faults.ts';
import { freshDatabase } from '../support/peers.ts';
import { freePort, startPostgres } from '../support/servers.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function connect(url: string, faults: Fault[] = []): Promise<SqlPool> {
  const pool = await connectBrokerPostgres(url, { onError: (fault) => faults.push(fault) });
  closing.push(() => pool.end());
  return pool;
}

async function rejection(promise: Promise<unknown>): Promise<Fault> {
  return (await promise.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  )) as Fault;
}

describe('a database as broker', () => {
  let url: string;
  beforeEach(async () => {
    const database = await freshDatabase();
    closing.push(() => database.drop());
    ({ url } = database);
  });

  test('many processes may make the tables at once', async () => {
    const [pool] = await Promise.all([connect(url), ...Array.from({ length: 7 }, () => connect(url))]);
    await Promise.all(Array.from({ length: 8 }, () => migrateLedger(pool)));
    const { rows } = await pool.query(`SELECT to_regclass('bullmq.job') IS NOT NULL AS queue`);
    expect(rows).toEqual([{ queue: true }]);
  });

  test('a connection that breaks while it is held fails its query, and ends no process', async () => {
    const pool = await connect(url);
    const stray = vi.fn<(error: unknown) => void>();
    process.on('uncaughtException', stray);
    closing.push(async () => process.off('uncaughtException', stray));
    const client = await pool.connect();
    const cut = client.query('SELECT pg_terminate_backend(pg_backend_pid())');
    await expect(cut).rejects.toThrow(/terminat/);
    // The end of the connection is told after the answer to the query.
    await vi.waitFor(async () => expect((await pool.query('SELECT 1')).rows).toHaveLength(1));
    client.release(true);
    expect(stray).not.toHaveBeenCalled();
  });

  test('a user who may only use the tables can work once they are made', async () => {
    const owner = await connect(url);
    const role = `r_${randomUUID().slice(0, 8)}`;
    await owner.query(`CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA keyturn, bullmq TO ${role};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA keyturn, bullmq TO ${role}`);
    closing.push(() => owner.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`));
    const limited = new URL(url);
    limited.username = role;
    const ledger = createPostgresLedger({ pool: await connect(limited.href), rotation: 'r' });
    expect(
      await ledger.begin({
        epoch: 'e',
        pin: { keyId: 'k', versionId: 'v' },
        planDigest: 'd',
        planParts: {},
        estimate: 1,
      }),
    ).toBe(true);
    // Who may not use them needs a person.
    await owner.query(`REVOKE USAGE ON SCHEMA keyturn FROM ${role}`);
    expect(await rejection(ledger.snapshot())).toMatchObject({
      faultClass: 'rotation',
      code: 'BROKER_REFUSED',
    });
  });

  test('a ledger that the first keyturn made goes on: failures, and a plan of unknown parts', async () => {
    const pool = await connect(url);
    const refs = ['["1"]', '","code":"ODD","'];
    const detail = (ref: string): string =>
      JSON.stringify({ ref, code: 'OLD', message: '"code":"NO"', requestId: null, time: 't', attempts: 1 });
    await pool.query(`DROP VIEW keyturn.snapshot CASCADE;
      ALTER TABLE keyturn.rotation DROP COLUMN plan_parts, DROP COLUMN source_versions;
      ALTER TABLE keyturn.failure DROP COLUMN code;
      UPDATE keyturn.migration SET version = 1;
      INSERT INTO keyturn.rotation (name, state, epoch, pass, plan_digest, enqueued, batches, settled_batches,
        scanned, failed) VALUES ('old', 'finished', 'e', 1, 'd', 2, 1, 1, true, 2)`);
    for (const ref of refs) {
      await pool.query(
        `INSERT INTO keyturn.failure SELECT 'old', sha256(convert_to($1, 'UTF8')), convert_to($1, 'UTF8'), $2`,
        [ref, detail(ref)],
      );
    }
    const ledger = createPostgresLedger({ pool: await connect(url), rotation: 'old' });
    expect(await ledger.snapshot()).toMatchObject({ planDigest: 'd', planParts: null, before: {} });
    expect(await ledger.failureCodes()).toEqual({ OLD: 2 });
    expect(await ledger.putBack({ epoch: 'e', number: 1, refs, late: true })).toBe(true);
    const after = await ledger.settle('e', 1, { ...emptyTally, rotated: 2 }, [], { v1: 2 });
    expect(after).toMatchObject({ state: 'finished', before: { v1: 2 }, tally: { rotated: 2, failed: 0 } });
  });

  describe('calls that meet', () => {
    const pass = {
      epoch: 'first',
      pin: { keyId: 'k', versionId: 'v' },
      planDigest: 'd',
      planParts: {},
      estimate: 1,
    };

    /** A cancelled rotation, and a transaction that holds its row until `letGo`, once `calls` wait for it. */
    async function hold(statement: string, calls: number) {
      const pool = await connect(url);
      const ledger = createPostgresLedger({ pool, rotation: 'r' });
      await ledger.begin(pass);
      await ledger.stage({ batch: { epoch: 'first', number: 0, refs: ['a'], late: false }, cursor: null });
      await ledger.cancel();
      const holder = await pool.connect();
      await holder.query('BEGIN');
      await holder.query(statement);
      const letGo = async (): Promise<void> => {
        await vi.waitFor(
          async () => {
            const waiting = await pool.query(
              `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
            );
            expect(waiting.rows).toHaveLength(calls);
          },
          { timeout: 5000 },
        );
        await holder.query('COMMIT');
        holder.release();
      };
      return { pool, ledger, letGo };
    }

    test('a batch of a pass that is just being replaced counts nothing', async () => {
      const { pool, ledger, letGo } = await hold(
        `SELECT keyturn.begin_pass('r', '{cancelled}', NULL, 'running', 'second', 'k', 'v', 'd', '{}', 1)`,
        1,
      );
      const settled = ledger.settle('first', 0, { ...emptyTally, rotated: 1 }, [], {});
      await letGo();
      expect(await settled).toBeNull();
      expect(await ledger.snapshot()).toMatchObject({
        epoch: 'second',
        settledBatches: 0,
        tally: emptyTally,
      });
      expect((await pool.query('SELECT * FROM keyturn.settled')).rows).toEqual([]);
    });

    test('of two passes that begin at the same instant one is refused', async () => {
      const { ledger, letGo } = await hold(`SELECT 1 FROM keyturn.rotation WHERE name = 'r' FOR UPDATE`, 2);
      const begun = ['second', 'third'].map((epoch) => ledger.begin({ ...pass, epoch }));
      await letGo();
      expect((await Promise.all(begun)).filter(Boolean)).toHaveLength(1);
      expect(await ledger.snapshot()).toMatchObject({ pass: 2 });
    });
  });

  test('settings in the URL are kept beside the search path that BullMQ needs', async () => {
    const pool = await connect(`${url}?options=${encodeURIComponent('-c work_mem=5MB')}`);
    expect((await pool.query('SHOW search_path')).rows).toEqual([{ search_path: 'bullmq,public' }]);
    expect((await pool.query('SHOW work_mem')).rows).toEqual([{ work_mem: '5MB' }]);
  });

  test('one that has lost our tables says so', async () => {
    const pool = await connect(url);
    await pool.query('DROP SCHEMA keyturn CASCADE');
    const ledger = createPostgresLedger({ pool, rotation: 'r' });
    expect(await rejection(ledger.snapshot())).toMatchObject({
      faultClass: 'rotation',
      code: 'BROKER_SCHEMA_LOST',
    });
  });

  test('a schema of a newer BullMQ is left alone', async () => {
    const pool = await connect(url);
    await pool.query(`UPDATE bullmq.migration SET min_client_version = 99`);
    expect(await rejection(connect(url))).toMatchObject({ faultClass: 'rotation', code: 'BROKER_VERSION' });
  });
});

test('a server that is not there, or has no such user or database, is told without the password', async () => {
  const port = await freePort();
  const database = await freshDatabase();
  const { url } = database;
  closing.push(() => database.drop());
  const cases = [
    [`postgres://u:s3cret@127.0.0.1:${port}/db`, { faultClass: 'transient', code: 'BROKER_UNREACHABLE' }],
    [url.replace('postgres@', 'nobody:s3cret@'), { faultClass: 'rotation', code: 'BROKER_REFUSED' }],
    [
      `${url.replace('postgres@', 'postgres:s3cret@')}_missing`,
      { faultClass: 'rotation', code: 'BROKER_REFUSED' },
    ],
    ['postgres://u:s3cret@h:port/db', { faultClass: 'usage', code: 'BAD_BROKER' }],
  ] as const;
  for (const [address, expected] of cases) {
    const fault = await rejection(connect(address));
    expect(fault).toMatchObject({ ...expected, peer: 'broker' });
    expect(JSON.stringify([fault.message, fault.cause])).not.toContain('s3cret');
  }
});

test('a server that was killed and came back is used again', async () => {
  const server = await startPostgres();
  closing.push(() => server.stop());
  const faults: Fault[] = [];
  const pool = await connect(server.url, faults);
  const ledger = createPostgresLedger({ pool, rotation: 'r' });
  await ledger.begin({
    epoch: 'e',
    pin: { keyId: 'k', versionId: 'v' },
    planDigest: 'd',
    planParts: {},
    estimate: 1,
  });
  // Two connections, so that one is idle when the server dies.
  const clients = await Promise.all([pool.connect(), pool.connect()]);
  for (const client of clients) client.release();
  await server.kill();
  expect(await rejection(ledger.snapshot())).toMatchObject({
    faultClass: 'transient',
    code: 'BROKER_UNREACHABLE',
  });
  await vi.waitFor(() => expect(faults[0]).toMatchObject({ faultClass: 'transient', peer: 'broker' }));
  await server.restart();
  expect(await ledger.snapshot()).toMatchObject({ state: 'running', epoch: 'e' });
});
