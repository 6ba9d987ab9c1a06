import { expect, test } from 'vitest';
import { freshRedis } from '../support/peers.ts';
import { keepFigure, medianRatio } from './figures.ts';
import { rival } from './rival.ts';
import { openBenchScene, type SceneOptions } from './scene.ts';
import { rounds, scaled, timeout } from './size.ts';
import { timeWork, type Throughput } from './time-work.ts';

const concurrency = 64;

async function compare(kms: SceneOptions['kms']): Promise<void> {
  const scene = await openBenchScene({ records: scaled(60_000), kms });
  const bare: Throughput[] = [];
  const work: Throughput[] = [];
  const least: Throughput[] = [];
  const limited: Throughput[] = [];
  const serial: Throughput[] = [];
  const jobs: Throughput[] = [];
  for (let round = 0; round < rounds; round += 1) {
    bare.push(await rival(scene, 'bare-loop'));
    work.push(await timeWork(scene, { concurrency }));
    least.push(await rival(scene, 'batched'));
    limited.push(await rival(scene, 'p-limit', { share: 1 / 4 }));
    serial.push(await rival(scene, 'p-limit', { lanes: 1, share: 1 / 20 }));
    const broker = (await freshRedis()).url;
    jobs.push(await rival(scene, 'job-per-ciphertext', { share: 1 / 4, broker }));
  }
  const speed = (runs: readonly Throughput[]): number[] => runs.map(({ perSecond }) => perSecond);
  const cpu = (runs: readonly Throughput[]): number[] => runs.map(({ cpuPerRecord }) => cpuPerRecord);
  const of = `, ${kms} KMS`;
  keepFigure(`one worker${of}`, 'records/s', speed(work));
  keepFigure(`bare undici loop${of}`, 'calls/s', speed(bare));
  keepFigure(`script with batches and no safeguard${of}`, 'records/s', speed(least));
  keepFigure(`script with p-limit, fetch and an UPDATE per row${of}`, 'records/s', speed(limited));
  keepFigure(`serial script${of}`, 'records/s', speed(serial));
  keepFigure(`one BullMQ job per ciphertext${of}`, 'records/s', speed(jobs));
  keepFigure(`CPU of the worker${of}`, 'µs a record', cpu(work));
  keepFigure(`CPU of the script with batches${of}`, 'µs a record', cpu(least));
  keepFigure(`CPU of the bare loop${of}`, 'µs a call', cpu(bare));
  keepFigure(`share of the limit${of}`, 'ratio', [medianRatio(speed(work), speed(bare))], { atLeast: 0.8 });
  keepFigure(`script with batches ÷ bare loop${of}`, 'ratio', [medianRatio(speed(least), speed(bare))]);
  keepFigure(`÷ p-limit script${of}`, 'ratio', [medianRatio(speed(work), speed(limited))], { atLeast: 6 });
  keepFigure(`÷ serial script${of}`, 'ratio', [medianRatio(speed(work), speed(serial))], { atLeast: 18 });
  keepFigure(`÷ one job per ciphertext${of}`, 'ratio', [medianRatio(speed(work), speed(jobs))], {
    atLeast: 3,
  });
  keepFigure(`CPU ÷ bare loop${of}`, 'ratio', [medianRatio(cpu(work), cpu(bare))], { atMost: 1.4 });
  expect(work).toHaveLength(rounds);
}

/** As most KMS are: what a record costs the worker weighs less beside the wait for its call. */
test('one worker against the bare loop, where the KMS takes 10 ms', { timeout }, async () => {
  const scene = await openBenchScene({ records: scaled(40_000), kms: 'lean', latencyMs: 10 });
  const bare: number[] = [];
  const work: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    bare.push((await rival(scene, 'bare-loop')).perSecond);
    work.push((await timeWork(scene, { concurrency })).perSecond);
  }
  keepFigure('one worker, KMS of 10 ms', 'records/s', work);
  keepFigure('bare undici loop, KMS of 10 ms', 'calls/s', bare);
  keepFigure('share of the limit, KMS of 10 ms', 'ratio', [medianRatio(work, bare)], { atLeast: 0.8 });
  expect(work).toHaveLength(rounds);
});

test('one worker against the bare loop and what people write', { timeout }, () => compare('emulator'));
test('the same, against a KMS that costs next to nothing', { timeout }, () => compare('lean'));
