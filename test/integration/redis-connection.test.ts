import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  connectRedis,
  type RedisBrokerOptions,
  type RedisConnection,
} from '../../src/broker/redis/connection.ts';
import { createRedisLedger } from '../../src/broker/redis/ledger.ts';
import { emptyTally } from '../../src/rotation/batch.ts';
import type { Fault } from '../../src/rotation/faults.ts';
import type { Ledger } from '../../src/rotation/ports/ledger.ts';
import { serverBinary } from '../support/binaries.ts';
import { freePort, startRedis, type TestServer } from '../support/servers.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(...args: string[]): Promise<TestServer> {
  const server = await startRedis(args);
  closing.push(() => server.stop());
  return server;
}

/** A Sentinel must have a file of its own to write to. */
async function startSentinel(...lines: string[]): Promise<number> {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'keyturn-sentinel-'));
  const file = join(dir, 'sentinel.conf');
  writeFileSync(file, [`port ${port}`, 'bind 127.0.0.1', ...lines, ''].join('\n'));
  const sentinel = spawn(serverBinary('redis-server'), [file, '--sentinel'], { cwd: dir, stdio: 'ignore' });
  closing.push(async () => {
    const exited = once(sentinel, 'exit');
    sentinel.kill('SIGKILL');
    await exited;
    rmSync(dir, { recursive: true });
  });
  return port;
}

interface Opened {
  redis: RedisConnection;
  ledger: Ledger;
  faults: Fault[];
}

function open(options: Omit<RedisBrokerOptions, 'onError'>): Opened {
  const faults: Fault[] = [];
  const redis = connectRedis({ ...options, onError: (fault) => faults.push(fault) }, 'ledger');
  closing.push(() => redis.disconnect());
  return { redis, ledger: createRedisLedger({ redis, rotation: `r-${randomUUID().slice(0, 8)}` }), faults };
}

async function begin(ledger: Ledger): Promise<string> {
  const epoch = randomUUID();
  await ledger.begin({
    epoch,
    pin: { keyId: 'k', versionId: 'v' },
    planDigest: 'd',
    planParts: {},
    estimate: 1,
  });
  return epoch;
}

/** What a call ends with, and that it ends while a person still waits for it. */
async function faultOf(call: Promise<unknown>): Promise<Fault> {
  const asked = performance.now();
  const error = await call.then(
    () => new Error('the call succeeded'),
    (fault: unknown) => fault,
  );
  expect(performance.now() - asked).toBeLessThan(7000);
  return error as Fault;
}

describe('a Redis that fails', () => {
  test('one that is not there fails the call soon, tells of it, and hides the password of the URL', async () => {
    const { ledger, faults } = open({ url: `redis://u:s3cret@127.0.0.1:${await freePort()}` });
    const fault = await faultOf(ledger.snapshot());
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'BROKER_UNREACHABLE', peer: 'broker' });
    expect(faults[0]).toMatchObject({ faultClass: 'transient', code: 'BROKER_UNREACHABLE' });
    expect(faults[0]?.message).toContain('ECONNREFUSED');
    for (const each of [fault, ...faults])
      expect(JSON.stringify([each.message, each.cause])).not.toContain('s3cret');
  });

  test('one that was killed and came back is used again', async () => {
    const server = await start('--appendonly', 'yes', '--appendfsync', 'always');
    const { ledger } = open({ url: server.url });
    const epoch = await begin(ledger);
    await server.kill();
    expect(await faultOf(ledger.snapshot())).toMatchObject({ faultClass: 'transient' });
    await server.restart();
    const snapshot = await vi.waitFor(() => ledger.snapshot(), { timeout: 10_000 });
    expect(snapshot).toMatchObject({ state: 'running', epoch });
  });

  test('one that is stopped does not hang the call', async () => {
    const server = await start();
    const { ledger } = open({ url: server.url });
    await begin(ledger);
    process.kill(server.pid(), 'SIGSTOP');
    try {
      expect(await faultOf(ledger.snapshot())).toMatchObject({
        faultClass: 'transient',
        code: 'BROKER_UNREACHABLE',
      });
    } finally {
      process.kill(server.pid(), 'SIGCONT');
    }
    await vi.waitFor(() => ledger.snapshot(), { timeout: 10_000 });
  });

  test('one without room, or made a replica, is waited for', async () => {
    const server = await start();
    const { ledger, redis } = open({ url: server.url });
    await begin(ledger);
    await redis.config('SET', 'maxmemory', '1');
    expect(await faultOf(ledger.cancel())).toMatchObject({ faultClass: 'transient', code: 'BROKER_FULL' });
    await redis.config('SET', 'maxmemory', '0');
    await redis.call('replicaof', '127.0.0.1', String(await freePort()));
    expect(await faultOf(ledger.cancel())).toMatchObject({ faultClass: 'transient', code: 'BROKER_BUSY' });
  });

  test('one that refuses our password or our rights needs a person', async () => {
    const server = await start('--requirepass', 'right');
    for (const url of [server.url, server.url.replace('redis://', 'redis://:wr0ng@')]) {
      const { ledger, faults } = open({ url });
      const fault = await faultOf(ledger.snapshot());
      expect(fault).toMatchObject({ faultClass: 'rotation', code: 'BROKER_REFUSED', peer: 'broker' });
      for (const each of [fault, ...faults])
        expect(JSON.stringify([each.message, each.cause])).not.toContain('wr0ng');
    }
    const { redis, ledger } = open({ url: server.url.replace('redis://', 'redis://:right@') });
    expect(await ledger.snapshot()).toMatchObject({ state: 'new' });
    await redis.call('acl', 'setuser', 'default', '-evalsha');
    expect(await faultOf(ledger.snapshot())).toMatchObject({
      faultClass: 'rotation',
      code: 'BROKER_REFUSED',
    });
  });

  test('one that holds something else under our name is left alone', async () => {
    const server = await start();
    const { redis, ledger } = open({ url: server.url });
    await begin(ledger);
    const [key] = await redis.keys('*:ledger');
    await redis.hset(key ?? '', 'state', 'confused');
    expect(await faultOf(ledger.snapshot())).toMatchObject({ faultClass: 'rotation', code: 'BROKER_DATA' });
    await redis.hset(key ?? '', 'state', 'running', 'started_at', 'yesterday');
    expect(await faultOf(ledger.snapshot())).toMatchObject({ faultClass: 'rotation', code: 'BROKER_DATA' });
    await redis.set(key ?? '', 'text');
    expect(await faultOf(ledger.snapshot())).toMatchObject({ faultClass: 'rotation', code: 'BROKER_ERROR' });
  });

  test('one that has forgotten our scripts is taught them again', async () => {
    const server = await start();
    const { redis, ledger } = open({ url: server.url });
    await begin(ledger);
    await redis.script('FLUSH');
    expect(await ledger.snapshot()).toMatchObject({ state: 'running' });
  });
});

describe('other kinds of Redis', () => {
  test('a Cluster keeps a rotation in one place, and fails soon when it is gone', async () => {
    const server = await start('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1');
    const { redis: node } = open({ url: server.url });
    await node.call('cluster', 'addslotsrange', '0', '16383');
    await vi.waitFor(async () => expect(await node.cluster('INFO')).toContain('cluster_state:ok'), {
      timeout: 10_000,
    });

    const { ledger } = open({ cluster: [server.url] });
    const epoch = await begin(ledger);
    await ledger.stage({ batch: { epoch, number: 0, refs: ['a'], late: false }, cursor: null });
    expect(await ledger.settle(epoch, 0, { ...emptyTally, rotated: 1 }, [], {})).toMatchObject({
      settledBatches: 1,
    });
    await server.kill();
    // No node is up to take the call: it waits in the client.
    const late = open({ cluster: [server.url] });
    expect(await faultOf(late.ledger.snapshot())).toMatchObject({
      faultClass: 'transient',
      code: 'BROKER_UNREACHABLE',
    });
  });

  test('Sentinel names the master, whose password is in the URL', async () => {
    const master = await start('--requirepass', 'right');
    const sentinelPort = await startSentinel(
      `sentinel monitor main 127.0.0.1 ${master.port} 1`,
      'sentinel auth-pass main right',
    );

    const { ledger } = open({
      url: 'redis://:right@ignored:1/3',
      sentinel: { name: 'main', nodes: [`127.0.0.1:${sentinelPort}`] },
    });
    await begin(ledger);
    const { redis: direct } = open({ url: master.url.replace('redis://', 'redis://:right@') });
    await direct.select(3);
    expect(await direct.keys('*')).toHaveLength(1);
  });

  test('TLS takes the given CA and no other', async () => {
    const vectors = new URL('../vectors/tls/', import.meta.url);
    const [cert, key] = ['loopback-cert.pem', 'loopback-key.pem'].map(
      (name) => new URL(name, vectors).pathname,
    );
    const port = await freePort();
    await start(
      '--tls-port',
      String(port),
      '--tls-cert-file',
      cert ?? '',
      '--tls-key-file',
      key ?? '',
      '--tls-auth-clients',
      'no',
    );
    const url = `rediss://127.0.0.1:${port}`;

    const { ledger } = open({ url, tls: { ca: readFileSync(cert ?? '', 'utf8') } });
    expect(await ledger.snapshot()).toMatchObject({ state: 'new' });
    const untrusting = open({ url });
    await faultOf(untrusting.ledger.snapshot());
    expect(untrusting.faults[0]).toMatchObject({ faultClass: 'rotation', code: 'BROKER_UNTRUSTED' });
  });

  test('an address that cannot be read is told without showing it', () => {
    for (const options of [
      { url: 'redis://u:s3cret@h:notaport' },
      { url: 'redis://u:s3cret@h/db' },
      { url: 'redis://u:s3cret%@h' },
      {},
      { cluster: ['redis://:s3cret@'] },
    ]) {
      let fault: unknown;
      try {
        open(options);
      } catch (error) {
        fault = error;
      }
      expect(fault).toMatchObject({ faultClass: 'usage', code: 'BAD_BROKER' });
      expect(String(fault)).not.toContain('s3cret');
    }
  });
});

test('a million batches settle each once', async () => {
  const server = await start();
  const { redis, ledger } = open({ url: server.url });
  const epoch = await begin(ledger);
  const [key = ''] = await redis.keys('*:ledger');
  await redis.hset(key, 'batches', 1_000_000);
  for (const batch of [999_999, 0, 999_999, 524_288]) await ledger.settle(epoch, batch, emptyTally, [], {});
  expect(await ledger.snapshot()).toMatchObject({ batches: 1_000_000, settledBatches: 3 });
  expect(await redis.memory('USAGE', key.replace('ledger', 'settled'))).toBeLessThan(300_000);
});
