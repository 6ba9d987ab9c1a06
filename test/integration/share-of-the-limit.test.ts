import { expect, test } from 'vitest';
import { median, medianRatio } from '../bench/figures.ts';
import { rival } from '../bench/rival.ts';
import { openBenchScene } from '../bench/scene.ts';
import { timeWork } from '../bench/time-work.ts';

const rounds = 3;

// `npm run bench` measures it well; this finds a change that costs a good part of it.
test(
  'a worker keeps half of the speed of a bare loop of calls, at the least',
  { timeout: 120_000 },
  async () => {
    const scene = await openBenchScene({ records: 8000, kms: 'emulator' });
    const bare: number[] = [];
    const work: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      bare.push((await rival(scene, 'bare-loop')).perSecond);
      work.push((await timeWork(scene, { concurrency: 64 })).perSecond);
    }
    const seen = `${Math.round(median(work))} records/s against ${Math.round(median(bare))} calls/s`;
    expect(medianRatio(work, bare), seen).toBeGreaterThan(0.5);
  },
);
