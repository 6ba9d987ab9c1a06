import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { request } from 'undici';
import { vi } from 'vitest';
import { writeConfig } from '../support/cli.ts';
import { customersAad, seedCustomers } from '../support/many-customers.ts';
import { freshDatabase } from '../support/peers.ts';

/** A table, a KMS in a process of its own, and a key that can be rotated again and again. */
export interface BenchScene {
  readonly sql: pg.Pool;
  readonly databaseUrl: string;
  readonly kms: { readonly endpoint: string; readonly token: string };
  rotateKey(): Promise<void>;
  /** A config of keyturn for this table, over the broker. */
  configFor(rotation: string, broker: string, more?: object): Promise<string>;
  close(): Promise<void>;
}

export async function openBenchScene(records: number): Promise<BenchScene> {
  const database = await freshDatabase();
  const sql = new pg.Pool({ connectionString: database.url, max: 4 });
  // `end` does not wait for the connections' own end, so the drop of the database may still cut one.
  sql.on('error', () => undefined);
  const stateFile = join(await mkdtemp(join(tmpdir(), 'keyturn-bench-')), 'keys.json');
  const emulator = start([
    'dist/cli/main.js',
    'kms-emulator',
    '--port',
    '0',
    '--key',
    'k1',
    '--state',
    stateFile,
  ]);
  const kms = await vi.waitFor(() => JSON.parse(emulator.stdout()), { timeout: 20_000 });
  await seedCustomers(sql, stateFile, records);
  await sql.query('VACUUM ANALYZE customers');
  return {
    sql,
    databaseUrl: database.url,
    kms,
    async rotateKey() {
      const { body } = await request(`${kms.endpoint}/kms/v1/keys/k1:rotate`, {
        method: 'POST',
        headers: { authorization: `Bearer ${kms.token}`, 'content-type': 'application/json' },
        body: '{}',
      });
      await body.dump();
    },
    configFor: (rotation, broker, more = {}) =>
      writeConfig({
        rotation,
        broker,
        kms: { provider: 'yandex', endpoint: kms.endpoint, auth: { iamToken: kms.token } },
        source: { keyId: 'k1', aadContext: customersAad },
        target: { keyId: 'k1', aadContext: customersAad },
        store: { type: 'postgres', url: database.url, table: 'customers', key: ['id'], column: 'ssn' },
        format: 'raw',
        log: { level: 'silent' },
        ...more,
      }),
    async close() {
      emulator.child.kill('SIGKILL');
      await sql.end();
      await database.drop();
    },
  };
}

export interface BenchProcess {
  readonly child: ChildProcess;
  stdout(): string;
  /** Resolves with what it printed; throws where it failed. */
  readonly ended: Promise<string>;
}

/** A Node process as its user starts it: none of the flags that the tests start theirs with. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): BenchProcess {
  const child = spawn(process.execPath, [...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
  });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const ended = once(child, 'close').then(() => {
    if (child.exitCode !== 0 && child.signalCode === null)
      throw new Error(`${args.join(' ')}: exit ${child.exitCode}`);
    return stdout;
  });
  ended.catch(() => undefined);
  return { child, stdout: () => stdout, ended };
}

/** CPU time that a process has used so far, µs: of Linux, in steps of 10 ms. */
export function cpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (user + system) * 10_000;
}
