import type { Telemetry } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import type { BrokerConfig, KeyturnConfig, RedisConfig, TlsFiles } from '../config/keyturn-config.ts';
import { bullmq } from '../broker/bullmq.ts';
import type { SqlPool } from '../broker/postgres/pool.ts';
import type { QueueBoard } from '../broker/queue-board.ts';
import { createBatchQueue, createCensusQueue, type QueueBackend } from '../broker/queue.ts';
import type { Fault } from '../rotation/faults.ts';
import type { BatchQueue } from '../rotation/ports/batch-queue.ts';
import type { CensusLedger } from '../rotation/ports/census-ledger.ts';
import type { Ledger } from '../rotation/ports/ledger.ts';
import type { Pace } from '../rotation/ports/pace.ts';
import { openLog } from './open-log.ts';
import { readNamedText } from './named-file.ts';

/** Queue, ledger and pace of one rotation, on the broker that the config names. */
export interface OpenBroker {
  readonly ledger: Ledger;
  readonly pace: Pace;
  readonly queue: BatchQueue;
  /** What a census that several processes may take needs. */
  readonly census: { readonly ledger: CensusLedger; openQueue(): BatchQueue };
  /** bull-board at a path; its code is loaded now. */
  openBoard(path: string): Promise<QueueBoard>;
  /** What was reached, for a person; without user or password. */
  readonly description: string;
  /** The embedded database, which the demo uses as its store too. */
  readonly embedded: SqlPool | null;
  close(): Promise<void>;
}

/**
 * Opens the broker and reaches it once, so that a wrong address is told at the start. With `telemetry` each
 * batch carries its trace.
 */
export async function openBroker(
  config: KeyturnConfig,
  onFault: (fault: Fault) => void,
  telemetry?: Telemetry,
): Promise<OpenBroker> {
  const broker = await openKind(config, config.broker, onFault, telemetry);
  try {
    await broker.ledger.snapshot();
    return broker;
  } catch (error) {
    await broker.close();
    throw error;
  }
}

/** For commands that need the broker alone. */
export async function withBroker<T>(
  config: KeyturnConfig,
  use: (broker: OpenBroker, onFault: (fault: Fault) => void) => Promise<T>,
): Promise<T> {
  const log = openLog(config);
  const broker = await openBroker(config, log.fault);
  try {
    return await use(broker, log.fault);
  } finally {
    await broker.close();
  }
}

async function openKind(
  config: KeyturnConfig,
  broker: BrokerConfig,
  onFault: (fault: Fault) => void,
  telemetry: Telemetry | undefined,
): Promise<OpenBroker> {
  if (broker.kind === 'redis') return openRedis(config, broker, onFault, telemetry);
  if (broker.kind === 'postgres') {
    const { connectBrokerPostgres } = await import('../broker/postgres/connection.ts');
    const tls = await readTls(broker.tls);
    const pool = await connectBrokerPostgres(broker.url, {
      onError: onFault,
      ...(tls === null ? {} : { tls }),
    });
    return openSql(config, pool, `PostgreSQL at ${new URL(broker.url).host}`, null, onFault, telemetry);
  }
  const { openEmbeddedDatabase } = await import('../broker/embedded.ts');
  const pool = await openEmbeddedDatabase(broker.directory);
  return openSql(config, pool, `embedded in ${broker.directory}`, pool, onFault, telemetry);
}

async function openRedis(
  config: KeyturnConfig,
  broker: RedisConfig,
  onFault: (fault: Fault) => void,
  telemetry: Telemetry | undefined,
): Promise<OpenBroker> {
  const { toBrokerFault } = await import('../broker/broker-fault.ts');
  const { connectRedis } = await import('../broker/redis/connection.ts');
  const { createRedisCensusLedger } = await import('../broker/redis/census-ledger.ts');
  const { createRedisLedger } = await import('../broker/redis/ledger.ts');
  const { createRedisPace } = await import('../broker/redis/pace.ts');
  const tls = await readTls(broker.tls);
  const options = {
    ...(broker.url === null ? {} : { url: broker.url }),
    ...(tls === null ? {} : { tls }),
    ...(broker.cluster === null ? {} : { cluster: broker.cluster }),
    ...(broker.sentinel === null
      ? {}
      : {
          sentinel: {
            name: broker.sentinel.name,
            nodes: broker.sentinel.nodes.map(({ host, port }) => `${host}:${port}`),
          },
        }),
    onError: onFault,
  };
  const connections: (Redis | Cluster)[] = [];
  const connect = (use: 'ledger' | 'queue' | 'worker'): Redis | Cluster => {
    const connection = connectRedis(options, use);
    connections.push(connection);
    return connection;
  };
  const redis = connect('ledger');
  const { rotation, limits } = config;
  const backend = {
    connection: connect,
    factory: bullmq.createRedisBackend,
    // In a Cluster all keys of a queue must lie in one slot.
    ...(broker.cluster === null ? {} : { prefix: '{keyturn}' }),
    toFault: toBrokerFault,
    telemetry,
  };
  const queue = createBatchQueue(rotation, backend, onFault);
  const censusQueue = openOnDemand(() => createCensusQueue(rotation, backend, onFault));
  return {
    ledger: createRedisLedger({ redis, rotation }),
    pace: createRedisPace({ redis, rotation, configuredRate: limits.rate }),
    queue,
    census: { ledger: createRedisCensusLedger({ redis, rotation }), openQueue: censusQueue.open },
    openBoard: (path) => openBoard(path, rotation, backend, onFault),
    description: `Redis at ${describeRedis(broker)}`,
    embedded: null,
    close: async () => {
      await Promise.all([queue.close(), censusQueue.close()]);
      for (const connection of connections) connection.disconnect();
    },
  };
}

async function openSql(
  { rotation, limits }: KeyturnConfig,
  pool: SqlPool,
  description: string,
  embedded: SqlPool | null,
  onFault: (fault: Fault) => void,
  telemetry: Telemetry | undefined,
): Promise<OpenBroker> {
  const { toBrokerFault } = await import('../broker/broker-fault.ts');
  const { createPreparedBackend } = await import('../broker/postgres/backend.ts');
  const { createPostgresCensusLedger } = await import('../broker/postgres/census-ledger.ts');
  const { createPostgresLedger } = await import('../broker/postgres/ledger.ts');
  const { mendTimes } = await import('../broker/postgres/mend-times.ts');
  const { createPostgresPace } = await import('../broker/postgres/pace.ts');
  const backend = {
    connection: () => pool,
    factory: createPreparedBackend,
    mendTimes: (name: string, lockMs: number) => mendTimes(pool, name, lockMs),
    toFault: toBrokerFault,
    telemetry,
  };
  const queue = createBatchQueue(rotation, backend, onFault);
  const censusQueue = openOnDemand(() => createCensusQueue(rotation, backend, onFault));
  return {
    ledger: createPostgresLedger({ pool, rotation }),
    pace: createPostgresPace({ pool, rotation, configuredRate: limits.rate }),
    queue,
    census: { ledger: createPostgresCensusLedger({ pool, rotation }), openQueue: censusQueue.open },
    openBoard: (path) => openBoard(path, rotation, backend, onFault),
    description,
    embedded,
    close: async () => {
      await Promise.all([queue.close(), censusQueue.close()]);
      await pool.end();
    },
  };
}

async function openBoard<Connection>(
  path: string,
  rotation: string,
  backend: QueueBackend<Connection>,
  onFault: (fault: Fault) => void,
): Promise<QueueBoard> {
  const { openQueueBoard } = await import('../broker/queue-board.ts');
  return openQueueBoard(rotation, backend, path, onFault);
}

/** A queue that is opened when it is first asked for: few commands need it. */
function openOnDemand(open: () => BatchQueue): { open(): BatchQueue; close(): Promise<void> } {
  let queue: BatchQueue | null = null;
  return {
    open: () => (queue ??= open()),
    close: async () => queue?.close(),
  };
}

async function readTls(files: TlsFiles | null): Promise<{ ca?: string; cert?: string; key?: string } | null> {
  if (files === null) return null;
  const { caFile, certFile, keyFile } = files;
  return {
    ...(caFile === null ? {} : { ca: await readNamedText('broker.tls.caFile', caFile) }),
    ...(certFile === null ? {} : { cert: await readNamedText('broker.tls.certFile', certFile) }),
    ...(keyFile === null ? {} : { key: await readNamedText('broker.tls.keyFile', keyFile) }),
  };
}

function describeRedis({ url, cluster, sentinel }: RedisConfig): string {
  if (sentinel !== null)
    return `${sentinel.nodes.map(({ host, port }) => `${host}:${port}`).join(', ')} (Sentinel)`;
  const urls = cluster ?? (url === null ? [] : [url]);
  return `${urls.map((each) => new URL(each).host).join(', ')}${cluster === null ? '' : ' (Cluster)'}`;
}
