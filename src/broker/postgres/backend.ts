import type { BackendFactory, PostgresQueueBackend } from 'bullmq';
import { bullmq } from '../bullmq.ts';
import type { SqlPool } from './pool.ts';

/**
 * BullMQ (6.7) keeps for ever how its first look at its tables ended: where a connection broke in that moment, its
 * queue or worker would fail at once, thousands of times a second, until the process ends. `prepareDatabase`
 * has looked already.
 */
class PreparedConnection extends bullmq.PostgresConnection {
  override async waitUntilReady(): Promise<void> {}
}

/** As BullMQ's `createPostgresBackend`, over a pool whose database is prepared. */
export const createPreparedBackend: BackendFactory<PostgresQueueBackend, SqlPool> = (
  name,
  opts,
  { withBlockingConnection = false } = {},
) =>
  new bullmq.PostgresQueueBackend(
    new PreparedConnection(opts.connection),
    name,
    opts,
    true,
    // Under this name BullMQ finds a queue's workers.
    withBlockingConnection ? name : undefined,
  );
