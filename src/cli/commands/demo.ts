import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyturnConfig, PostgresStoreConfig } from '../../config/keyturn-config.ts';
import { startEmulator } from '../../kms/emulator/server.ts';
import { demoKey, directKind, envelopeKind, type DemoKind } from '../demo-kind.ts';
import { openAgain, seedRecords, type DemoRecords } from '../demo-records.ts';
import { exitCode } from '../exit-code.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { keepNothing } from '../keep-certificate.ts';
import { openRotation } from '../open-rotation.ts';
import { openTable } from '../open-store.ts';
import type { Output } from '../output.ts';
import { runRotation } from './run.ts';

/**
 * The main job on embedded parts: a KMS emulator over real HTTP, and PGlite as both store and broker. It
 * makes records under key version 1, rotates the key, runs the rotation as `run` does, and opens some
 * records.
 */
export async function demo(
  { records, envelope }: { records: number; envelope: boolean },
  output: Output,
): Promise<number> {
  const interrupt = listenForInterrupt();
  const directory = await mkdtemp(join(tmpdir(), 'keyturn-demo-'));
  const emulator = await startEmulator({ port: 0, keys: [demoKey] });
  output.line(
    `KMS emulator on ${emulator.endpoint} (for trial and test only); embedded PostgreSQL in ${directory}`,
  );
  const kind = envelope ? envelopeKind : directKind;
  try {
    const config = demoConfig(directory, emulator.endpoint, emulator.token, kind);
    let demoRecords: DemoRecords | null = null;
    const rotation = await openRotation(config, 'readWrite', async (_config, use, { embedded }) => {
      if (embedded === null) throw new TypeError('the demo runs on the embedded database');
      demoRecords = { sql: embedded, emulator, kind, records, output };
      await seedRecords(demoRecords);
      // The broker ends the database that both use.
      const shared = { query: embedded.query, end: async () => undefined };
      return openTable(shared, config, demoTable, use);
    });
    try {
      const code = await runRotation(
        rotation,
        { deep: false, keeping: keepNothing },
        output,
        interrupt.signal,
      );
      if (code === exitCode.done && demoRecords !== null) await openAgain(demoRecords);
      return code;
    } finally {
      await rotation.close();
    }
  } finally {
    await emulator.close();
    await rm(directory, { recursive: true, force: true });
  }
}

const demoTable: PostgresStoreConfig = {
  type: 'postgres',
  url: 'postgres://embedded/',
  table: 'customers',
  key: ['id'],
  column: 'ssn',
  where: null,
  versionColumn: null,
  journal: false,
};

function demoConfig(directory: string, endpoint: string, iamToken: string, kind: DemoKind): KeyturnConfig {
  const aadContext = 'customer/{id}';
  const auth = { kind: 'iamToken', iamToken } as const;
  return {
    rotation: 'demo',
    broker: { kind: 'embedded', directory },
    kms: { provider: 'yandex', endpoint, auth, caFile: null, timeoutMs: 10_000 },
    source: { keyId: demoKey, aadContext },
    target: { keyId: demoKey, versionId: null, aadContext },
    store: demoTable,
    ...kind.config,
    verifyWrites: 0,
    limits: {
      rate: 5000,
      rateUnit: 'calls',
      concurrency: 32,
      batchSize: 500,
      backlog: 200,
      maxFailures: 1000,
    },
    retry: { attempts: 8, initialMs: 200, maxMs: 30_000 },
    shutdownTimeoutMs: 25_000,
    metrics: null,
    audit: null,
    log: { level: 'warn' },
  };
}
