import { z } from 'zod';
import { Fault } from '../../rotation/faults.ts';
import { toStoreFault } from './store-fault.ts';

/** What the store needs of PostgreSQL: a `pg.Pool`, or anything of the same shape. */
export interface SqlPool {
  /** One statement. It runs in a transaction of its own, and rejects with the server's SQLSTATE as `code`. */
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  end(): Promise<void>;
}

/** Runs one statement and parses its rows; whatever goes wrong is a `Fault`. */
export async function queryRows<Row extends z.ZodType>(
  pool: SqlPool,
  row: Row,
  statement: string,
  values: unknown[] = [],
): Promise<z.output<Row>[]> {
  let rows: unknown;
  try {
    ({ rows } = await pool.query(statement, values));
  } catch (error) {
    throw toStoreFault(error);
  }
  const parsed = z.array(row).safeParse(rows);
  if (parsed.success) return parsed.data;
  throw new Fault(
    'rotation',
    'STORE_REPLY',
    'the PostgreSQL driver returned values of other types than PostgreSQL has: ' +
      'use it without type parsers of your own',
    { peer: 'store' },
  );
}
