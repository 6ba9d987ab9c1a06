import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApplication } from '../support/application.ts';
import { runCli, startCli, writeConfig } from '../support/cli.ts';
import { startOpaqueKms, type OpaqueKms } from '../support/opaque-kms.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';

const records = 1000;
const bad = 7;
const ids = Array.from({ length: records }, (_, index) => String(index + 1));

/**
 * Two workers and a producer against a KMS that fails a third of the calls and whose ciphertexts tell
 * nothing, while the application writes: under the new version, as it does once the key's primary has
 * changed.
 */
describe.each(['redis', 'postgres'] as const)('a failing KMS and a writing application, over %s', (kind) => {
  let kms: OpaqueKms;
  let sql: pg.Pool;
  let config: string;

  beforeAll(async () => {
    kms = await startOpaqueKms();
    const database = await freshDatabase();
    sql = new pg.Pool({ connectionString: database.url, max: 4 });
    await sql.query(
      `CREATE TABLE "Pay ments" (region text, "no" uuid, value bytea, note text, PRIMARY KEY (region, "no"))`,
    );
    await sql.query(
      `INSERT INTO "Pay ments" SELECT * FROM unnest($1::text[], $2::uuid[], $3::bytea[], $4::text[])`,
      [
        ids.map(region),
        ids.map(uuid),
        ids.map((id) => kms.encrypt(`plain-${id}`, `${region(id)}/${uuid(id)}`, 'version-1')),
        ids.map((id) => `note-${id}`),
      ],
    );
    // Not of this KMS, or of another record: the wrong AAD.
    await sql.query(`UPDATE "Pay ments" SET value = 'rubbish'::bytea WHERE "no" = ANY($1::uuid[])`, [
      ids.slice(0, bad).map(uuid),
    ]);
    const broker = kind === 'redis' ? await freshRedis() : await freshDatabase();
    config = await writeConfig({
      rotation: 'payments',
      broker: broker.url,
      kms: { provider: 'yandex', endpoint: kms.endpoint, auth: { iamToken: kms.token } },
      source: { keyId: 'k1', aadContext: '{region}/{no}' },
      target: { keyId: 'k1', versionId: 'version-2', aadContext: '{region}/{no}' },
      store: {
        type: 'postgres',
        url: database.url,
        table: '"Pay ments"',
        key: ['region', 'no'],
        column: 'value',
      },
      format: 'raw',
      limits: { rate: 2000, batchSize: 100, concurrency: 16 },
      retry: { attempts: 8, initial: '10ms', max: '500ms' },
      metrics: { port: 0, host: '127.0.0.1' },
    });
  }, 60_000);

  afterAll(async () => {
    await sql.end();
    await kms.close();
  });

  test('ends with every record readable as last written, each bad one listed, and counts that add up', async () => {
    kms.troubleShare = 1 / 3;
    const application = startApplication(ids.slice(bad), async (id, plaintext) => {
      const value = kms.encrypt(plaintext, `${region(id)}/${uuid(id)}`, kms.primary);
      await sql.query(`UPDATE "Pay ments" SET value = $3 WHERE region = $1 AND "no" = $2`, [
        region(id),
        uuid(id),
        value,
      ]);
    });
    const workers = [1, 2].map(() => startCli(['work', '-c', config, '--exit-when-done', '--json']));
    const producer = await runCli(['enqueue', '-c', config, '--json']);
    expect(producer.stderr).not.toContain('INTERNAL_ERROR');
    expect(producer.code).toBe(0);
    const ended = await Promise.all(workers.map(({ ended }) => ended));
    await application.stop();
    kms.troubleShare = 0;

    for (const { code, stdout, stderr } of ended) {
      expect(stderr).not.toContain('INTERNAL_ERROR');
      expect(code).toBe(1);
      const status = JSON.parse(stdout);
      expect(status, stdout).toMatchObject({ state: 'finished', total: records, failed: bad, remaining: 0 });
      expect(status.rotated + status.skipped + status.missing + status.failed).toBe(records);
    }
    expect(application.writes()).toBeGreaterThan(10);

    const { rows } = await sql.query(`SELECT region, "no"::text AS no, value, note FROM "Pay ments"`);
    const byId = new Map(rows.map((row) => [row.no, row]));
    for (const id of ids.slice(bad)) {
      const row = byId.get(uuid(id));
      expect(kms.open(row.value)).toEqual({
        versionId: 'version-2',
        aad: `${region(id)}/${uuid(id)}`,
        plaintext: application.lastWritten.get(id) ?? `plain-${id}`,
      });
      expect(row.note).toBe(`note-${id}`);
    }

    const { failures } = JSON.parse((await runCli(['failures', '-c', config, '--json'])).stdout);
    expect(
      failures.map(({ ref, code }: { ref: string; code: string }) => `${code} ${ref}`).toSorted(),
    ).toEqual(
      ids
        .slice(0, bad)
        .map((id) => `INVALID_ARGUMENT ${JSON.stringify([region(id), uuid(id)])}`)
        .toSorted(),
    );
  }, 120_000);
});

function region(id: string): string {
  return Number(id) % 2 === 0 ? 'it\'s "north"' : 'юг {x}';
}

function uuid(id: string): string {
  return `00000000-0000-4000-8000-${id.padStart(12, '0')}`;
}
