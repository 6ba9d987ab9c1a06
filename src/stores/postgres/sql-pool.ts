import type { z } from 'zod';
import { Fault } from '../../rotation/faults.ts';
import { toStoreFault } from './store-fault.ts';
import type { ParseRow, RecordRow } from './stored-record.ts';

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
  return parseEach(await query(pool, statement, values), (each) => row.safeParse(each).data ?? null);
}

/** As `queryRows`, for rows of records. */
export async function queryRecords(
  pool: SqlPool,
  parseRow: ParseRow,
  statement: string,
  values: unknown[],
): Promise<RecordRow[]> {
  return parseEach(await query(pool, statement, values), parseRow);
}

/** `parse` gives null where a row is not as it must be. */
function parseEach<Parsed>(
  rows: readonly Record<string, unknown>[],
  parse: (row: Record<string, unknown>) => Parsed | null,
): Parsed[] {
  return rows.map((row) => {
    const parsed = parse(row);
    if (parsed === null) throw badReply();
    return parsed;
  });
}

async function query(
  pool: SqlPool,
  statement: string,
  values: unknown[],
): Promise<Record<string, unknown>[]> {
  try {
    return (await pool.query(statement, values)).rows;
  } catch (error) {
    throw toStoreFault(error);
  }
}

function badReply(): Fault {
  return new Fault(
    'rotation',
    'STORE_REPLY',
    'the PostgreSQL driver returned values of other types than PostgreSQL has: ' +
      'use it without type parsers of your own',
    { peer: 'store' },
  );
}
