import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis } from 'ioredis';
import { Fault } from '../../rotation/faults.ts';
import { toBrokerFault } from '../broker-fault.ts';

export interface RedisBrokerOptions {
  /** `redis://` or `rediss://`. With `sentinel`, its user, password and database are the master's. */
  readonly url?: string | undefined;
  /** PEM texts. */
  readonly tls?: { ca?: string | undefined; cert?: string | undefined; key?: string | undefined } | undefined;
  /** URLs of some nodes of a Cluster; the first one's user and password are those of all. */
  readonly cluster?: readonly string[] | undefined;
  /** Nodes as `host:port` or `redis://user:password@host:port`. */
  readonly sentinel?: { readonly name: string; readonly nodes: readonly string[] } | undefined;
  /** Told of each failed attempt to connect, while the connection tries again by itself. */
  readonly onError: (fault: Fault) => void;
}

export type RedisConnection = Redis | Cluster;

type Use = 'ledger' | 'queue' | 'worker';

const answerWithinMs = 5000;
const connectWithinMs = 5000;
const longestRetryMs = 2000;

/**
 * Connects in the background. A `ledger` or `queue` connection answers or fails within about five seconds,
 * whether the broker is down, stopped or behind a dead network; a `worker` connection waits, as BullMQ
 * demands it of its blocking calls. Throws a usage fault on an address that cannot be read.
 */
export function connectRedis(options: RedisBrokerOptions, use: Use): RedisConnection {
  const redis = options.cluster ? connectCluster(options, options.cluster, use) : connectNode(options, use);
  redis.on('error', (error: unknown) => options.onError(toBrokerFault(error)));
  return redis;
}

function connectNode(options: RedisBrokerOptions, use: Use): Redis {
  const common = { ...connectionOptions(options, use), retryStrategy };
  const address = options.url === undefined ? undefined : readAddress(options.url);
  if (options.sentinel === undefined) {
    if (address === undefined) throw unreadable('is missing');
    return new Redis({ ...address, ...common });
  }
  const sentinels = options.sentinel.nodes.map((node) => readAddress(node, 26_379));
  return new Redis({
    ...common,
    username: address?.username,
    password: address?.password,
    db: address?.db,
    name: options.sentinel.name,
    sentinels: sentinels.map(({ host, port }) => ({ host, port })),
    sentinelUsername: sentinels[0]?.username,
    sentinelPassword: sentinels[0]?.password,
    sentinelRetryStrategy: retryStrategy,
    sentinelCommandTimeout: answerWithinMs,
    sentinelTLS: common.tls,
    enableTLSForSentinelMode: common.tls !== undefined,
  });
}

function connectCluster(options: RedisBrokerOptions, urls: readonly string[], use: Use): Cluster {
  const nodes = urls.map((url) => readAddress(url));
  const { username, password } = nodes[0] ?? {};
  const cluster = new Cluster(
    nodes.map(({ host, port }) => ({ host, port })),
    {
      redisOptions: { ...connectionOptions(options, use), username, password },
      clusterRetryStrategy: retryStrategy,
      // Node names stay names, so that certificates fit and a node that moves is found again.
      dnsLookup: (address, callback) => callback(null, address),
    },
  );
  if (use === 'worker') return cluster;
  // `commandTimeout` runs only from the time a node has the command;
  // while no node is up, it waits in the Cluster.
  const send = cluster.sendCommand.bind(cluster);
  cluster.sendCommand = (command, stream, node) => {
    command.setTimeout(answerWithinMs);
    return send(command, stream, node);
  };
  return cluster;
}

function connectionOptions(options: RedisBrokerOptions, use: Use) {
  const urls = [options.url, ...(options.cluster ?? []), ...(options.sentinel?.nodes ?? [])];
  const encrypted = options.tls !== undefined || urls.some((url) => url?.startsWith('rediss://'));
  return {
    connectTimeout: connectWithinMs,
    keepAlive: 10_000,
    ...(encrypted ? { tls: { ...options.tls } satisfies ConnectionOptions } : {}),
    // A socket that stays silent on a call is given up and made anew;
    // BullMQ's longest blocking call is ten seconds.
    ...(use === 'worker'
      ? { maxRetriesPerRequest: null, socketTimeout: 30_000 }
      : { maxRetriesPerRequest: 1, commandTimeout: answerWithinMs, socketTimeout: 2 * answerWithinMs }),
  };
}

function retryStrategy(attempt: number): number {
  return Math.min(attempt * 100, longestRetryMs);
}

interface Address {
  host: string;
  port: number;
  username?: string;
  password?: string;
  db?: number;
}

function readAddress(text: string, defaultPort = 6379): Address {
  const url = text.includes('://') ? text : `redis://${text}`;
  if (!URL.canParse(url)) throw unreadable('is no URL');
  const { hostname, port, username, password, pathname } = new URL(url);
  const db = Number(pathname.slice(1));
  if (hostname === '') throw unreadable('has no host');
  if (!Number.isInteger(db)) throw unreadable('has a database that is no number');
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? defaultPort : Number(port),
    ...(username === '' ? {} : { username: decodePart(username) }),
    ...(password === '' ? {} : { password: decodePart(password) }),
    ...(db === 0 ? {} : { db }),
  };
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw unreadable('has a % in its user or password that must be written %25');
  }
}

/** Never says the address, which may hold a password. */
function unreadable(what: string): Fault {
  const expected = 'write redis://host:6379 or rediss://user:password@host:6379/0';
  return new Fault('usage', 'BAD_BROKER', `broker address ${what}; ${expected}`, { peer: 'broker' });
}
