import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { Fault } from '../rotation/faults.ts';
import { lockEmbedded } from './embedded-lock.ts';
import { poolEmbedded } from './embedded-pool.ts';
import { prepareDatabase, searchPath } from './postgres/connection.ts';
import type { SqlPool } from './postgres/pool.ts';

/** `end` writes all to disk and gives the folder free. */
export type EmbeddedDatabase = SqlPool;

/**
 * Opens PostgreSQL within this process, on the folder `dir`, with the tables of keyturn and BullMQ. With
 * `memory://` it lives as long as it is open. Throws a usage fault where a process has the folder already, or
 * it cannot be used.
 */
export async function openEmbeddedDatabase(dir: string): Promise<EmbeddedDatabase> {
  if (dir.startsWith('memory://')) return openDatabase(dir, () => undefined);
  const lock = await keepFolder(dir);
  try {
    return await openDatabase(join(dir, 'database'), lock.release);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function keepFolder(dir: string): ReturnType<typeof lockEmbedded> {
  try {
    mkdirSync(dir, { recursive: true });
    return await lockEmbedded(dir);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault(
      'usage',
      'EMBEDDED_FOLDER',
      `folder ${dir} of the embedded broker cannot be made or written to; choose another in 'broker'`,
      { peer: 'broker', cause: error },
    );
  }
}

async function openDatabase(place: string, onEnd: () => void): Promise<SqlPool> {
  const db = await openPglite(place);
  const pool = poolEmbedded(db, onEnd);
  try {
    // PGlite takes no settings when it opens.
    await pool.query(`SET search_path TO ${searchPath}`);
    await prepareDatabase(pool);
    return pool;
  } catch (error) {
    await pool.end();
    throw error;
  }
}

async function openPglite(place: string): Promise<PGlite> {
  const { PGlite } = await import('@electric-sql/pglite');
  try {
    return await PGlite.create(place);
  } catch (error) {
    const what = `embedded broker ${place} does not open as a database; restore the folder or remove it`;
    throw new Fault('usage', 'EMBEDDED_BROKEN', what, { peer: 'broker', cause: error });
  }
}
