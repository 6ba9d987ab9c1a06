import { Redis } from 'ioredis';
import { runCli } from '../support/cli.ts';
import { cpuMicros, start, type BenchScene } from './scene.ts';

export interface Throughput {
  readonly perSecond: number;
  readonly cpuMicrosPerRecord: number;
}

/** Of a process that works, between these shares of all records: its start and its last batches are left out. */
const from = 0.1;
const to = 0.95;

/** One `work` process on a queue that is full before it begins, without a rate. */
export async function timeWork(scene: BenchScene, brokerUrl: string, records: number): Promise<Throughput> {
  const rotation = 'bench';
  await scene.rotateKey();
  const config = await scene.configFor(rotation, brokerUrl, {
    limits: { rate: 'none', concurrency: 64, backlog: 100_000 },
  });
  const { code, stderr } = await runCli(['enqueue', '-c', config]);
  if (code !== 0) throw new Error(stderr);
  const redis = new Redis(brokerUrl);
  const worker = start(['dist/cli/main.js', 'work', '-c', config, '--exit-when-done', '--json']);
  const pid = worker.child.pid ?? 0;
  const look = async (): Promise<{ done: number; at: number; cpu: number }> => {
    const done = Number(await redis.hget(`keyturn:{${rotation}}:ledger`, 'rotated'));
    return { done, at: performance.now(), cpu: cpuMicros(pid) };
  };
  const reach = async (share: number): Promise<{ done: number; at: number; cpu: number }> => {
    for (;;) {
      const seen = await look();
      if (seen.done >= share * records) return seen;
      if (worker.child.exitCode !== null) throw new Error('the worker ended');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const [first, last] = [await reach(from), await reach(to)];
  redis.disconnect();
  await worker.ended;
  const done = last.done - first.done;
  return {
    perSecond: (done * 1000) / (last.at - first.at),
    cpuMicrosPerRecord: (last.cpu - first.cpu) / done,
  };
}
