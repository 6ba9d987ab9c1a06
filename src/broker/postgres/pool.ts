import type { PgPool, PgPoolClient } from 'bullmq';

/**
 * The part of a `pg.Pool` that the ledger, the pace and BullMQ's PostgreSQL backend use; BullMQ takes nothing
 * less. Rows are as node-postgres gives them: bigint as decimal digits.
 *
 * `end` takes at most two seconds, also with a dead server, and may be called again.
 */
export type SqlPool = PgPool;

/** A connection of its own, for transactions and LISTEN. */
export type SqlClient = PgPoolClient;
