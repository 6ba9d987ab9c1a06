import type { KeyturnConfig } from '../config/keyturn-config.ts';
import { parseAadTemplate } from '../rotation/aad-template.ts';
import { connectPostgres } from '../stores/postgres/connect.ts';
import type { SqlPool } from '../stores/postgres/sql-pool.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import { openPostgresStore } from '../stores/postgres.ts';

/** `readOnly`: the command only reads, and needs no right to write. */
export type StoreUse = 'readOnly' | 'readWrite';

/** Statements at a time: reads and writes of the batches in work, and the scan. */
const connections = 6;

/** The store that the config names. */
export async function openStore(config: KeyturnConfig, use: StoreUse): Promise<RecordStore> {
  const pool = await connectPostgres(config.store.url, {
    connections,
    applicationName: `keyturn ${config.rotation}`,
  });
  try {
    return await openStoreOn(pool, config, use);
  } catch (error) {
    await pool.end();
    throw error;
  }
}

export function openStoreOn(pool: SqlPool, config: KeyturnConfig, use: StoreUse): Promise<RecordStore> {
  const { table, key, column, where, versionColumn } = config.store;
  const templates = [config.source.aadContext, config.target.aadContext];
  const fields = templates.flatMap((text) => parseAadTemplate(text ?? '').fields);
  return openPostgresStore({
    pool,
    table,
    key: [...key],
    column,
    ...(where === null ? {} : { where }),
    ...(versionColumn === null ? {} : { versionColumn }),
    fields: [...new Set(fields)],
    readOnly: use === 'readOnly',
  });
}
