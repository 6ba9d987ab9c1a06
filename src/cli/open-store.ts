import { parseAadTemplate } from '../rotation/aad-template.ts';
import type { KeyturnConfig, PostgresStoreConfig } from '../config/keyturn-config.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import type { SqlPool } from '../stores/postgres/sql-pool.ts';
import { readSecretFile } from './secret-file.ts';

/** `readOnly`: the command only reads, and needs no right to write. */
export type StoreUse = 'readOnly' | 'readWrite';

/** Statements at a time: reads and writes of the batches in work, and the scan. */
const connections = 6;

/**
 * The store that the config names. Its code, and the SDK behind it, is loaded now: nobody loads what he does
 * not use.
 */
export async function openStore(config: KeyturnConfig, use: StoreUse): Promise<RecordStore> {
  const { store } = config;
  const [fields, readOnly] = [fieldsOf(config), use === 'readOnly'];
  switch (store.type) {
    case 'postgres':
      return openPostgres(config, store, use);
    case 's3': {
      const { openS3Store } = await import('../stores/s3.ts');
      const { type: _, caFile, ...place } = store;
      const caPem = caFile === null ? {} : { caPem: await readSecretFile('store.caFile', caFile) };
      const { concurrency } = config.limits;
      return openS3Store({ ...place, ...caPem, fields, readOnly, concurrency });
    }
    case 'module': {
      const { openModuleStore } = await import('../stores/module.ts');
      const { module, directory, options } = store;
      return openModuleStore({ module, directory, options, fields, readOnly });
    }
  }
}

async function openPostgres(
  config: KeyturnConfig,
  store: PostgresStoreConfig,
  use: StoreUse,
): Promise<RecordStore> {
  const { connectPostgres } = await import('../stores/postgres/connect.ts');
  const pool = await connectPostgres(store.url, {
    connections,
    applicationName: `keyturn ${config.rotation}`,
  });
  try {
    return await openTable(pool, config, store, use);
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/** A table of PostgreSQL by a connection of the caller's. */
export async function openTable(
  pool: SqlPool,
  config: KeyturnConfig,
  { table, key, column, where, versionColumn }: PostgresStoreConfig,
  use: StoreUse,
): Promise<RecordStore> {
  const { openPostgresStore } = await import('../stores/postgres.ts');
  return openPostgresStore({
    pool,
    table,
    key: [...key],
    column,
    ...(where === null ? {} : { where }),
    ...(versionColumn === null ? {} : { versionColumn }),
    fields: fieldsOf(config),
    readOnly: use === 'readOnly',
  });
}

/** What the AAD templates name, each once. */
function fieldsOf({ source, target }: KeyturnConfig): string[] {
  const templates = [source.aadContext, target.aadContext];
  return [...new Set(templates.flatMap((text) => parseAadTemplate(text ?? '').fields))];
}
