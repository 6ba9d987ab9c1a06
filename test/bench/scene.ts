import { readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { request } from 'undici';
import { onTestFinished, vi } from 'vitest';
import { writeConfig } from '../support/cli.ts';
import { customersAad, seedCustomers } from '../support/many-customers.ts';
import { freshDatabase } from '../support/peers.ts';
import { start, type BenchProcess } from './process.ts';

export interface SceneOptions {
  readonly records: number;
  /** keyturn's emulator, or one that costs next to nothing (`lean-kms.mjs`). */
  readonly kms: 'emulator' | 'lean';
  /** Of each call; of the lean KMS alone. */
  readonly latencyMs?: number;
}

/** A table `customers`, a KMS in a process of its own, and a key that can be rotated again and again. */
export interface BenchScene {
  readonly records: number;
  readonly databaseUrl: string;
  readonly kms: { readonly endpoint: string; readonly token: string };
  rotateKey(): Promise<void>;
  /** When each call came to the lean KMS, in ms since the epoch, ascending. */
  arrivals(): Promise<number[]>;
  /** A config of keyturn for this table, over the broker. */
  configFor(broker: string, more?: object): Promise<string>;
}

/** Closed with the test that opens it. */
export async function openBenchScene({ records, kms, latencyMs = 0 }: SceneOptions): Promise<BenchScene> {
  const database = await freshDatabase();
  const stateFile = join(await mkdtemp(join(tmpdir(), 'keyturn-bench-')), 'keys.json');
  const server =
    kms === 'lean'
      ? start(['test/bench/lean-kms.mjs'], { LATENCY_MS: String(latencyMs) })
      : start(['dist/cli/main.js', 'kms-emulator', '--port', '0', '--key', 'k1', '--state', stateFile]);
  onTestFinished(async () => {
    server.child.kill('SIGKILL');
    await database.drop();
  });
  const { endpoint, token, versionId } = await vi.waitFor(() => JSON.parse(server.stdout()), {
    timeout: 20_000,
  });
  const sql = new pg.Client(database.url);
  await sql.connect();
  if (kms === 'lean') await seedShaped(sql, records, versionId);
  else await seedCustomers(sql, stateFile, records);
  await sql.query('VACUUM ANALYZE customers');
  await sql.end();
  return {
    records,
    databaseUrl: database.url,
    kms: { endpoint, token },
    async rotateKey() {
      const { body } = await request(`${endpoint}/kms/v1/keys/k1:rotate`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: '{}',
      });
      await body.dump();
    },
    arrivals: async () => JSON.parse(await (await request(`${endpoint}/arrivals`)).body.text()),
    configFor: (broker, more = {}) =>
      writeConfig({
        rotation,
        broker,
        kms: { provider: 'yandex', endpoint, auth: { iamToken: token } },
        source: { keyId: 'k1', aadContext: customersAad },
        target: { keyId: 'k1', aadContext: customersAad },
        store: { type: 'postgres', url: database.url, table: 'customers', key: ['id'], column: 'ssn' },
        format: 'raw',
        log: { level: 'silent' },
        ...more,
      }),
  };
}

export const rotation = 'bench';

/** Values with the header of a version, that no KMS could open. */
async function seedShaped(sql: pg.Client, records: number, versionId: string): Promise<void> {
  await sql.query('CREATE TABLE customers (id bigint PRIMARY KEY, ssn bytea)');
  await sql.query(
    `INSERT INTO customers
     SELECT id, '\\x0000000100000014'::bytea || convert_to($1, 'UTF8') || '\\x00000010'::bytea
                || substr(sha256(id::text::bytea), 1, 16) || '\\x0000000c'::bytea
                || substr(sha256(id::text::bytea), 17, 12) || sha256(id::text::bytea)
       FROM generate_series(1, $2::bigint) AS id`,
    [versionId, records],
  );
}

/** CPU time that a process has used so far, µs: of Linux, in steps of 10 ms. */
export function cpuMicros(process: BenchProcess): number {
  const stat = readFileSync(`/proc/${process.child.pid}/stat`, 'utf8');
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (user + system) * 10_000;
}
