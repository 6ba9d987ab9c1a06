import { parseAadTemplate } from '../rotation/aad-template.ts';
import type { KeyturnConfig, PostgresStoreConfig } from '../config/keyturn-config.ts';
import { Fault } from '../rotation/faults.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import type { Journal } from '../stores/postgres/journal.ts';
import type { SqlPool } from '../stores/postgres/sql-pool.ts';
import { readNamedText } from './named-file.ts';

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
      return onPool(config, store, (pool) => openTable(pool, config, store, use));
    case 's3': {
      const { openS3Store } = await import('../stores/s3.ts');
      const { type: _, caFile, ...place } = store;
      const caPem = caFile === null ? {} : { caPem: await readNamedText('store.caFile', caFile) };
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

/** The journal of a PostgreSQL store; `purge` writes nothing to the store's table, and needs no right to. */
export async function openJournal(config: KeyturnConfig, use: 'restore' | 'purge'): Promise<Journal> {
  const { rotation, store } = config;
  if (store.type !== 'postgres')
    throw new Fault(
      'usage',
      'JOURNAL_UNSUPPORTED',
      `only a postgres store keeps a journal, not store.type ${store.type}`,
    );
  const { openPostgresJournal } = await import('../stores/postgres/journal.ts');
  const { table, key, column, versionColumn } = store;
  return onPool(config, store, (pool) =>
    openPostgresJournal({
      pool,
      rotation,
      table,
      key,
      column,
      ...(versionColumn === null ? {} : { versionColumn }),
      use,
    }),
  );
}

/** What `open` makes of a new pool, and closes with it. */
async function onPool<Opened>(
  config: KeyturnConfig,
  store: PostgresStoreConfig,
  open: (pool: SqlPool) => Promise<Opened>,
): Promise<Opened> {
  const { connectPostgres } = await import('../stores/postgres/connect.ts');
  const pool = await connectPostgres(store.url, {
    connections,
    applicationName: `keyturn ${config.rotation}`,
  });
  try {
    return await open(pool);
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/** A table of PostgreSQL by a connection of the caller's. */
export async function openTable(
  pool: SqlPool,
  config: KeyturnConfig,
  { table, key, column, where, versionColumn, journal }: PostgresStoreConfig,
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
    journal: journal ? { rotation: config.rotation } : null,
  });
}

/** What the AAD templates name, each once. */
function fieldsOf({ source, target }: KeyturnConfig): string[] {
  const templates = [source.aadContext, target.aadContext];
  return [...new Set(templates.flatMap((text) => parseAadTemplate(text ?? '').fields))];
}
