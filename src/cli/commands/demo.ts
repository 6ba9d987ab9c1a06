import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { startEmulator } from '../../kms/emulator/server.ts';
import type { Output } from '../output.ts';
import { openStoreOn } from '../open-store.ts';
import { seedDemo } from '../seed-demo.ts';
import { run } from './run.ts';

/**
 * The main job on embedded parts: a KMS emulator over real HTTP, and PGlite as both store and broker. It
 * makes records under key version 1, rotates the key, and runs the rotation as `run` does.
 */
export async function demo(records: number, output: Output): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'keyturn-demo-'));
  const emulator = await startEmulator({ port: 0, keys: ['demo'] });
  output.line(
    `KMS emulator on ${emulator.endpoint} (for trial and test only); embedded PostgreSQL in ${directory}`,
  );
  try {
    const config = demoConfig(directory, emulator.endpoint, emulator.token);
    return await run(config, { deep: false }, output, async (_config, use, { embedded }) => {
      if (embedded === null) throw new TypeError('the demo runs on the embedded database');
      await seedDemo({ sql: embedded, emulator, records, output });
      // The broker ends the database that both use.
      const shared = { query: embedded.query, end: async () => undefined };
      return openStoreOn(shared, config, use);
    });
  } finally {
    await emulator.close();
    await rm(directory, { recursive: true, force: true });
  }
}

function demoConfig(directory: string, endpoint: string, iamToken: string): KeyturnConfig {
  const aadContext = 'customer/{id}';
  return {
    rotation: 'demo',
    broker: { kind: 'embedded', directory },
    kms: {
      provider: 'yandex',
      endpoint,
      auth: { kind: 'iamToken', iamToken },
      caFile: null,
      timeoutMs: 10_000,
    },
    source: { keyId: 'demo', aadContext },
    target: { keyId: 'demo', versionId: null, aadContext },
    store: {
      type: 'postgres',
      url: 'postgres://embedded/',
      table: 'customers',
      key: ['id'],
      column: 'ssn',
      where: null,
      versionColumn: null,
    },
    format: 'base64',
    limits: {
      rate: 5000,
      rateUnit: 'calls',
      concurrency: 32,
      batchSize: 500,
      backlog: 200,
      maxFailures: 1000,
    },
    retry: { attempts: 8, initialMs: 200, maxMs: 30_000 },
    metrics: null,
    log: { level: 'warn' },
  };
}
