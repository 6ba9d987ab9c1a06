import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { vi } from 'vitest';
import { faketimeLibrary } from '../../support/binaries.ts';
import { writeConfig } from '../../support/cli.ts';
import { startFaultProxy, type FaultProxy } from '../../support/fault-proxy.ts';
import { startOpaqueKms, type OpaqueKms } from '../../support/opaque-kms.ts';
import { startPostgres, startRedis, type TestServer } from '../../support/servers.ts';
import { startPod, type Pod } from '../../support/supervisor.ts';
import { createHistoryTable } from './history.ts';

export interface SceneOptions {
  readonly broker: 'redis' | 'postgres';
  /** The Job: `enqueue` beside workers, or `run`. */
  readonly job: 'enqueue' | 'run';
  readonly workers: number;
  readonly records: number;
  /** So many of them hold what no key opens. */
  readonly poisoned: number;
  readonly ratePerSecond: number;
}

/** Servers, links and processes of one rotation, all of which a storm may hit. */
export interface Scene {
  readonly options: SceneOptions;
  readonly redis: TestServer | null;
  readonly postgres: TestServer;
  readonly links: Readonly<Record<'broker' | 'store' | 'kms', FaultProxy>>;
  readonly kms: OpaqueKms;
  readonly pods: readonly Pod[];
  readonly job: Pod;
  /** The application's own way to the table, around the links. */
  readonly sql: pg.Pool;
  /** For commands that look at the end, once the storm is over. */
  readonly config: string;
  /** Around the links. */
  readonly brokerUrl: string;
  readonly ids: readonly string[];
  readonly poisonedIds: readonly string[];
  /** Sets a process's wall clock off by so many seconds; null where libfaketime is missing. */
  readonly shiftClock: ((pod: Pod, seconds: number) => void) | null;
  close(): Promise<void>;
}

export const aadOf = (id: string): string => `customer/${id}`;
export const pinned = 'version-2';
export const retired = 'version-1';

export async function openScene(options: SceneOptions): Promise<Scene> {
  const [postgres, redis, kms] = await Promise.all([
    startPostgres(),
    options.broker === 'redis' ? startRedis(['--appendonly', 'yes', '--appendfsync', 'everysec']) : null,
    startOpaqueKms(),
  ]);
  kms.primary = pinned;
  const sql = new pg.Pool({
    connectionString: postgres.url,
    max: 3,
    application_name: 'application',
    query_timeout: 5000,
  });
  // The storm cuts them, too.
  sql.on('error', () => undefined);
  await vi.waitFor(() => sql.query('SELECT'), { timeout: 10_000, interval: 50 });
  await sql.query('CREATE DATABASE broker');

  const ids = Array.from({ length: options.records }, (_, index) => String(index + 1));
  const isPoisoned = new Set(ids.filter((_, index) => index % 300 === 7).slice(0, options.poisoned));
  await createHistoryTable(sql);
  await sql.query(
    `INSERT INTO customers SELECT id, value, 'note-' || id FROM unnest($1::bigint[], $2::bytea[]) AS r(id, value)`,
    [
      ids,
      ids.map((id) =>
        isPoisoned.has(id) ? Buffer.from(`rubbish-${id}`) : kms.encrypt(`plain-${id}`, aadOf(id), retired),
      ),
    ],
  );
  await sql.query('TRUNCATE history');

  const [broker, store, kmsLink] = await Promise.all([
    startFaultProxy(redis?.port ?? postgres.port),
    startFaultProxy(postgres.port),
    startFaultProxy(Number(new URL(kms.endpoint).port)),
  ]);
  const brokerAt = (port: number): string =>
    redis === null ? `postgres://postgres@127.0.0.1:${port}/broker` : `redis://127.0.0.1:${port}`;
  const configFor = (brokerPort: number, storePort: number, endpoint: string): Promise<string> =>
    writeConfig({
      rotation: 'storm',
      broker: brokerAt(brokerPort),
      kms: { provider: 'yandex', endpoint, auth: { iamToken: kms.token }, timeout: '2s' },
      source: { keyId: 'k1', aadContext: 'customer/{id}' },
      target: { keyId: 'k1', aadContext: 'customer/{id}' },
      store: {
        type: 'postgres',
        url: `postgres://postgres@127.0.0.1:${storePort}/postgres`,
        table: 'customers',
        key: ['id'],
        column: 'value',
      },
      format: 'raw',
      limits: { rate: options.ratePerSecond, batchSize: 40, backlog: 8, concurrency: 8 },
      retry: { attempts: 8, initial: '100ms', max: '2s' },
    });
  const stormy = await configFor(broker.port, store.port, `http://127.0.0.1:${kmsLink.port}`);
  const config = await configFor(redis?.port ?? postgres.port, postgres.port, kms.endpoint);

  const library = faketimeLibrary();
  const clocks = mkdtempSync(join(tmpdir(), 'keyturn-clocks-'));
  const clockOf = (name: string): string => join(clocks, name);
  function start(name: string, args: readonly string[], restart: 'always' | 'onFailure'): Pod {
    writeFileSync(clockOf(name), '+0');
    const lies = {
      LD_PRELOAD: library ?? '',
      FAKETIME_TIMESTAMP_FILE: clockOf(name),
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    return startPod({ name, args: [...args, '-c', stormy], restart }, library === null ? {} : lies);
  }
  const job = start('job', [options.job, '--json'], 'onFailure');
  const workers = Array.from({ length: options.workers }, (_, index) =>
    start(`worker-${index + 1}`, ['work'], 'always'),
  );

  return {
    options,
    redis,
    postgres,
    links: { broker, store, kms: kmsLink },
    kms,
    pods: [job, ...workers],
    job,
    sql,
    config,
    brokerUrl: brokerAt(redis?.port ?? postgres.port),
    ids: ids.filter((id) => !isPoisoned.has(id)),
    poisonedIds: [...isPoisoned],
    shiftClock:
      library === null
        ? null
        : ({ name }, seconds) => writeFileSync(clockOf(name), `${seconds < 0 ? '' : '+'}${seconds}`),
    async close() {
      await Promise.all([job, ...workers].map((pod) => pod.release()));
      await Promise.all([broker, store, kmsLink].map((link) => link.close()));
      await sql.end();
      await Promise.all([postgres.stop(), redis?.stop(), kms.close()]);
    },
  };
}
