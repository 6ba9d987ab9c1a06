import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { plan } from '../../src/cli/commands/plan.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { dumpRedis } from '../support/broker-dump.ts';
import { runCli, writeConfig } from '../support/cli.ts';
import { createCustomers, customersTable, type Customers } from '../support/customers.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';

const records = 200;
let customers: Customers;
let versions: { old: string; current: string };

async function writePlanConfig(more: object = {}): Promise<string> {
  return writeConfig({
    rotation: 'planned',
    // Nobody listens there: a plan needs no broker.
    broker: 'redis://127.0.0.1:1',
    ...customers.config,
    limits: { rate: 1000, concurrency: 1024, batchSize: 50 },
    ...more,
  });
}

/** In this process, which is quicker than a start of the command. */
async function planJson(file: string, sample = 200) {
  const { config } = await loadConfig(file);
  const results: object[] = [];
  const output = { line: () => undefined, result: (value: object) => void results.push(value) };
  const code = await plan(config, { sample }, output);
  return { code, report: JSON.parse(JSON.stringify(results[0])) };
}

/** Every table of a database that is not PostgreSQL's own, and every row. */
async function dumpDatabase(url: string): Promise<string> {
  const sql = new pg.Pool({ connectionString: url });
  try {
    const { rows: tables } = await sql.query(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`,
    );
    const { rows: schemas } = await sql.query('SELECT nspname FROM pg_namespace ORDER BY 1');
    const lines = [JSON.stringify(schemas)];
    for (const { name } of tables) {
      const { rows } = await sql.query(`SELECT xmin, ctid, each.*::text FROM ${name} AS each ORDER BY ctid`);
      lines.push(name, JSON.stringify(rows));
    }
    return lines.join('\n');
  } finally {
    await sql.end();
  }
}

beforeAll(async () => {
  customers = await createCustomers(records);
  versions = await customers.rotateKey();
  // The second half in the order of the key is done.
  const { rows } = await customers.sql.query(
    `SELECT "Id"::text AS id FROM ${customersTable} ORDER BY "Id" OFFSET ${records / 2}`,
  );
  const ids = rows.map(({ id }: { id: string }) => id);
  const values = await Promise.all(ids.map((id) => customers.encrypt(id, `plain-${id}`)));
  await customers.sql.query(
    `UPDATE ${customersTable} SET "ssn ""enc""" = value
       FROM unnest($1::bigint[], $2::text[]) AS r(id, value) WHERE "Id" = id`,
    [ids, values],
  );
}, 60_000);
afterAll(() => customers.close());

describe('plan', () => {
  test('sees the mix of versions over the whole key range, and works with the broker down', async () => {
    const { code, report } = await planJson(await writePlanConfig(), 60);
    expect(report).toMatchObject({
      rotation: 'planned',
      records,
      exact: true,
      target: { keyId: 'k1', versionId: versions.current },
      rate: 1000,
      sample: { size: 60, among: null, unreadable: 0, failures: [] },
    });
    const { byVersion, done } = report.sample;
    // Half of each is to be expected; 8 or fewer of 60 come once in a thousand million times.
    expect(byVersion[versions.old]).toBeGreaterThan(8);
    expect(byVersion[versions.current]).toBeGreaterThan(8);
    expect(byVersion[versions.old] + byVersion[versions.current]).toBe(60);
    expect(done).toBe(byVersion[versions.current]);
    expect(report.doneShareInterval[0]).toBeLessThan(report.doneShare);
    expect(report.doneShareInterval[1]).toBeGreaterThan(report.doneShare);
    expect(code).toBe(0);
  });

  test('of a sample that holds all records it says exactly what a run will do', async () => {
    const { report } = await planJson(await writePlanConfig(), 1000);
    expect(report).toMatchObject({
      sample: { size: records, byVersion: { [versions.old]: 100, [versions.current]: 100 } },
      doneShare: 0.5,
      doneShareInterval: [0.5, 0.5],
      toRotate: 100,
      toFail: 0,
      // A call for each that is not done, and 200 headers that a census has confirmed.
      kmsCalls: 300,
      kmsCallsToVerify: 200,
      kmsCallsSaved: 0,
      durationSeconds: 0.3,
      warnings: [],
    });
  });

  test.each(['redis', 'postgres'] as const)('writes nothing to the store or a %s broker', async (kind) => {
    const broker = kind === 'redis' ? await freshRedis() : await freshDatabase();
    const redis = kind === 'redis' ? new Redis(broker.url) : null;
    const dumpBroker = () => (redis === null ? dumpDatabase(broker.url) : dumpRedis(redis));
    const before = [await dumpDatabase(customers.url), await dumpBroker()];
    const config = await writePlanConfig({ broker: broker.url });
    await planJson(config, 30);
    expect([await dumpDatabase(customers.url), await dumpBroker()]).toEqual(before);
    redis?.disconnect();
  });

  test('keeps its own calls to the rate', async () => {
    const startedAt = performance.now();
    const limits = { rate: 30, batchSize: 50 };
    const { report } = await planJson(await writePlanConfig({ limits }), 60);
    const asked = report.sample.byVersion[versions.old];
    expect(asked).toBeGreaterThan(15);
    expect(performance.now() - startedAt).toBeGreaterThan((asked / 30) * 1000);
  });

  test('records that would fail are counted by code, named, and make exit 1', async () => {
    const spoiled = await customers.sql.query(
      `WITH chosen AS (SELECT "Id", "ssn ""enc""" AS was, row_number() OVER (ORDER BY "Id") AS place
                         FROM ${customersTable} ORDER BY "Id" LIMIT 6)
       UPDATE ${customersTable} AS t
          SET "ssn ""enc""" = CASE WHEN place <= 4 THEN 'not base64!' ELSE 'AAAAAAAAAAAA' END
         FROM chosen WHERE t."Id" = chosen."Id" RETURNING t."Id"::text AS id, chosen.was`,
    );
    try {
      const config = await writePlanConfig({
        limits: { rate: 1000, concurrency: 1024, batchSize: 50, maxFailures: 3 },
      });
      const { code, report } = await planJson(config, 1000);
      expect(code).toBe(1);
      expect(report).toMatchObject({ toRotate: 94, toFail: 6, sample: { unreadable: 6, done: 100 } });
      expect(report.sample.failures).toMatchObject([
        { code: 'BAD_FORMAT', count: 4 },
        { code: 'INVALID_ARGUMENT', count: 2 },
      ]);
      expect(report.sample.failures[0].refs).toHaveLength(3);
      expect(report.warnings).toEqual([expect.stringContaining('limits.maxFailures')]);
      expect(JSON.stringify(report)).not.toContain('not base64!');

      const { stdout } = await runCli(['plan', '-c', config, '--sample', '1000']);
      const lines = stdout.trimEnd().split('\n');
      expect(Math.max(...lines.map((line) => line.length)), stdout).toBeLessThanOrEqual(80);
      expect(lines.length, stdout).toBeLessThanOrEqual(24);
      expect(stdout).toContain(`50.0 %  under ${versions.current} (target)`);
      expect(stdout).toContain('KMS calls  292 in all: 96 to rotate, 196 to verify');
    } finally {
      for (const { id, was } of spoiled.rows)
        await customers.sql.query(`UPDATE ${customersTable} SET "ssn ""enc""" = $2 WHERE "Id" = $1`, [
          id,
          was,
        ]);
    }
  });

  test('warns where nearly all is done, and of what where leaves out', async () => {
    const { store } = customers.config as { store: object };
    const config = await writePlanConfig({
      store: { ...store, where: `"Id" >= (SELECT max("Id") - 80 FROM ${customersTable})` },
    });
    const { code, report } = await planJson(config);
    expect(report).toMatchObject({ doneShare: 1, toRotate: 0, records: 81 });
    expect(report.warnings).toEqual([
      expect.stringContaining('nothing to do'),
      expect.stringContaining('store.where'),
    ]);
    expect(code).toBe(0);
  });

  test('a KMS that refuses us ends it, a size that is none is exit 2', async () => {
    const { kms } = customers.config as { kms: object };
    const denied = await writePlanConfig({ kms: { ...kms, auth: { iamToken: 't1.wrong' } } });
    await expect(planJson(denied)).rejects.toMatchObject({ faultClass: 'rotation', peer: 'kms' });
    for (const size of ['0'])
      expect((await runCli(['plan', '-c', denied, '--sample', size])).code, size).toBe(2);
  });
});
