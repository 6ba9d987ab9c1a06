import { expect, test } from 'vitest';
import { keepFigure, medianRatio } from './figures.ts';
import { openBenchScene } from './scene.ts';
import { rounds, scaled, timeout } from './size.ts';
import { timeWork } from './time-work.ts';

/** Little, so that four workers wait for the KMS, not for the cores of this machine. */
const concurrency = 8;

test('four workers do four times what one does, where the KMS takes its time', { timeout }, async () => {
  const scene = await openBenchScene({ records: scaled(8_000), kms: 'lean', latencyMs: 20 });
  const one: number[] = [];
  const four: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    one.push((await timeWork(scene, { concurrency }, 1)).perSecond);
    four.push((await timeWork(scene, { concurrency }, 4)).perSecond);
  }
  keepFigure('one worker, KMS of 20 ms', 'records/s', one);
  keepFigure('four workers, KMS of 20 ms', 'records/s', four);
  keepFigure('four workers ÷ one', 'ratio', [medianRatio(four, one)], { atLeast: 3.7 });
  expect(four).toHaveLength(rounds);
});
