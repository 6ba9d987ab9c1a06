import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setInterval as every } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { fitSlope } from '../soak/memory-samples.ts';
import { startRedis } from '../support/servers.ts';
import { keepFigure } from './figures.ts';
import { start, type BenchProcess } from './process.ts';
import { openBenchScene } from './scene.ts';
import { scaled, timeout } from './size.ts';

const betweenLooksMs = 500;
const megabyte = 1024 * 1024;
/** What a pod of 512 MB would give. Without a limit Node lets garbage lie for as long as there is memory. */
const oldSpace = '--max-old-space-size=128';

/** Resident memory now, MB; null once the process has ended. */
function residentMb({ child }: BenchProcess): number | null {
  try {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    const kilobytes = /VmRSS:\s+(\d+)/.exec(status)?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) / 1024;
  } catch {
    return null;
  }
}

for (const references of [100_000, 1_000_000, 10_000_000])
  test(`memory over ${references} references`, { timeout }, async () => {
    const records = scaled(references);
    const scene = await openBenchScene({ records: 1, kms: 'lean' });
    const server = await startRedis();
    const redis = new Redis(server.url);
    onTestFinished(async () => {
      redis.disconnect();
      await server.stop();
    });
    // Most are under the pin already, so that ten million take minutes; batches, ledger and queue are the same.
    const options = { records, staleOneIn: 100, versionId: `bench${'1'.padStart(15, '0')}` };
    const store = { type: 'module', module: resolve('test/bench/synthetic-store.mjs'), options };
    const config = await scene.configFor(server.url, { store, limits: { rate: 'none' } });
    const worker = start([oldSpace, 'dist/cli/main.js', 'work', '-c', config, '--exit-when-done']);
    const producer = start([oldSpace, 'dist/cli/main.js', 'enqueue', '-c', config]);
    const running = { worker: true, producer: true };
    void worker.ended.finally(() => (running.worker = false));
    void producer.ended.finally(() => (running.producer = false));
    const samples = { worker: [] as number[], producer: [] as number[], Redis: [] as number[] };
    for await (const _ of every(betweenLooksMs)) {
      if (!running.worker) break;
      const used = /used_memory:(\d+)/.exec(await redis.info('memory'))?.[1];
      samples.Redis.push(Number(used) / megabyte);
      samples.worker.push(residentMb(worker) ?? NaN);
      if (running.producer) samples.producer.push(residentMb(producer) ?? NaN);
    }
    await Promise.all([worker.ended, producer.ended]);
    const stats = await redis.info('stats');
    const bytes = ['input', 'output'].map((way) =>
      Number(new RegExp(`total_net_${way}_bytes:(\\d+)`).exec(stats)?.[1]),
    );
    keepFigure(`bytes to and from Redis a record, ${references.toExponential(0)} references`, 'bytes', [
      bytes.reduce((sum, each) => sum + each, 0) / records,
    ]);
    for (const [name, all] of Object.entries(samples)) {
      const seen = all.filter((mb) => mb > 0);
      const settled = seen.slice(Math.ceil(seen.length / 10));
      const points = settled.map((y, index) => ({ x: index / Math.max(1, settled.length - 1), y }));
      const of = `, ${references.toExponential(0)} references`;
      const bound = name === 'Redis' ? { atMost: 64 } : {};
      keepFigure(`memory of ${name} at most${of}`, 'MB', [Math.max(...seen)], bound);
      if (points.length > 1)
        keepFigure(`memory of ${name}, slope over the run${of}`, 'MB', [fitSlope(points).perRun]);
    }
    expect(samples.worker.length).toBeGreaterThan(0);
  });
