import { expect, test } from 'vitest';
import { busiestSecond } from '../support/busiest-second.ts';
import { freshRedis } from '../support/peers.ts';
import { keepFigure } from './figures.ts';
import { keyturn } from './process.ts';
import { openBenchScene } from './scene.ts';
import { scaled, timeout } from './size.ts';

const seconds = 16;
/**
 * For each worker, as many calls in flight as the rate has while a call takes 12.5 ms, but no fewer than by default: more
 * than a KMS needs are what comes at once after it has stood still.
 */
const concurrencyOf = (rate: number, workers: number): number => Math.max(32, Math.ceil(rate / 80 / workers));
/**
 * The first calls are made below the share on purpose, and four processes on two cores need seconds to start and to be
 * compiled; the last are made by workers that run out of work.
 */
const leftOut = { firstMs: 6000, lastMs: 1000 };

for (const rate of [200, 2000, 5000])
  for (const workers of [1, 2, 4])
    test(`${workers} workers keep a pace of ${rate} calls/s`, { timeout }, async () => {
      const scene = await openBenchScene({ records: rate * scaled(seconds), kms: 'lean' });
      await scene.rotateKey();
      const concurrency = concurrencyOf(rate, workers);
      const limits = { rate, concurrency, backlog: 100_000, batchSize: Math.min(500, rate / 4) };
      const config = await scene.configFor((await freshRedis()).url, { limits });
      await keyturn('enqueue', config).ended;
      await Promise.all(
        Array.from({ length: workers }, () => keyturn('work', config, '--exit-when-done').ended),
      );
      const all = (await scene.arrivals()).toSorted((left, right) => left - right);
      const from = (all[0] ?? 0) + leftOut.firstMs;
      const to = (all.at(-1) ?? 0) - leftOut.lastMs;
      const arrivals = all.filter((at) => at >= from && at < to);
      const used = (arrivals.length * 1000) / (to - from) / rate;
      const of = `, ${workers} worker${workers === 1 ? '' : 's'} at ${rate} calls/s`;
      keepFigure(`share of the rate used${of}`, 'ratio', [used], { atLeast: 0.98, atMost: 1 });
      keepFigure(`fullest second${of}`, 'ratio', [busiestSecond(arrivals) / rate], { atMost: 1.02 });
      expect(all).toHaveLength(scene.records);
    });
