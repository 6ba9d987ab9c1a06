import { z } from 'zod';
import { Fault } from '../../rotation/faults.ts';
import { queryRows, type SqlPool } from './sql-pool.ts';
import type { Statements } from './statements.ts';

/** Whether each text of a key is one of its column's type. */
export async function isCastable(
  pool: SqlPool,
  { castKey }: Pick<Statements, 'castKey'>,
  key: readonly string[],
): Promise<boolean> {
  try {
    await queryRows(pool, z.unknown(), castKey, [...key]);
    return true;
  } catch (error) {
    if (error instanceof Fault && error.faultClass === 'record') return false;
    throw error;
  }
}
