import { setInterval as every } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freshRedis } from '../support/peers.ts';
import { keyturn, type BenchProcess } from './process.ts';
import { cpuMicros, rotation, type BenchScene } from './scene.ts';

export interface Throughput {
  readonly perSecond: number;
  /** Of all workers, µs. */
  readonly cpuPerRecord: number;
}

/** Measured between these shares of all records: the start and the last batches are left out. */
const from = 0.1;
const to = 0.95;
/** Often enough for the figure; a look every few ms would take a good part of a core that a worker needs. */
const betweenLooksMs = 25;

/** So many `work` processes on a queue that is full before they begin. */
export async function timeWork(scene: BenchScene, limits: object, workers = 1): Promise<Throughput> {
  const broker = (await freshRedis()).url;
  await scene.rotateKey();
  const config = await scene.configFor(broker, { limits: { rate: 'none', backlog: 100_000, ...limits } });
  await keyturn('enqueue', config).ended;
  const running = Array.from({ length: workers }, () => keyturn('work', config, '--exit-when-done'));
  const redis = new Redis(broker);
  const [first, last] = [
    await reach(redis, running, from * scene.records),
    await reach(redis, running, to * scene.records),
  ];
  redis.disconnect();
  await Promise.all(running.map(({ ended }) => ended));
  const done = last.done - first.done;
  return { perSecond: (done * 1000) / (last.at - first.at), cpuPerRecord: (last.cpu - first.cpu) / done };
}

interface Look {
  readonly done: number;
  readonly at: number;
  readonly cpu: number;
}

/** Watches the ledger until so many records are rotated. */
async function reach(redis: Redis, workers: readonly BenchProcess[], records: number): Promise<Look> {
  for await (const _ of every(betweenLooksMs)) {
    const done = Number(await redis.hget(`keyturn:{${rotation}}:ledger`, 'rotated'));
    if (done >= records) {
      const cpu = workers.reduce((sum, worker) => sum + cpuMicros(worker), 0);
      return { done, at: performance.now(), cpu };
    }
    if (workers.some(({ child }) => child.exitCode !== null)) break;
  }
  throw new Error('a worker ended');
}
