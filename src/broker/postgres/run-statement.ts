import { toBrokerFault } from '../broker-fault.ts';
import type { SqlPool } from './pool.ts';

/** Runs one statement, a transaction of its own. Throws broker faults. */
export type RunStatement = (
  text: string,
  ...values: readonly unknown[]
) => Promise<Record<string, unknown>[]>;

export function bindPool(pool: SqlPool): RunStatement {
  return async (text, ...values) => {
    try {
      return (await pool.query<Record<string, unknown>>(text, values)).rows;
    } catch (error) {
      throw toBrokerFault(error);
    }
  };
}
