import { toBrokerFault } from '../broker-fault.ts';
import type { SqlPool } from './pool.ts';

/** Runs one statement, a transaction of its own. Throws broker faults. */
export type RunStatement = (
  text: string,
  ...values: readonly unknown[]
) => Promise<Record<string, unknown>[]>;

/**
 * Asks a question about a rotation, which is the statement's first value: true where a row comes whose first
 * cell is not false.
 */
export function bindQuestion(
  run: RunStatement,
  rotation: string,
): (text: string, ...values: readonly unknown[]) => Promise<boolean> {
  return async (text, ...values) => {
    const [row] = await run(text, rotation, ...values);
    return row !== undefined && Object.values(row)[0] !== false;
  };
}

export function bindPool(pool: SqlPool): RunStatement {
  return async (text, ...values) => {
    try {
      return (await pool.query<Record<string, unknown>>(text, values)).rows;
    } catch (error) {
      throw toBrokerFault(error);
    }
  };
}
