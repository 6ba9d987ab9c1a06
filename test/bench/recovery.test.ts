import { setInterval as every } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { freshRedis } from '../support/peers.ts';
import { keepFigure } from './figures.ts';
import { keyturn } from './process.ts';
import { openBenchScene, type BenchScene } from './scene.ts';
import { rounds, timeout } from './size.ts';

/** As many batches as one worker takes at a time, so that the other finds none. */
const batches = 3;
const limits = { rate: 'none', batchSize: 100, concurrency: 4 };

async function arrivalAfter(scene: BenchScene, after: number): Promise<number> {
  for await (const _ of every(100)) {
    const found = (await scene.arrivals()).find((at) => at > after);
    if (found !== undefined) return found;
  }
  return NaN;
}

test('a killed worker’s batches go on', { timeout }, async () => {
  const seconds: number[] = [];
  const scene = await openBenchScene({ records: batches * limits.batchSize, kms: 'lean', latencyMs: 1000 });
  for (let round = 0; round < rounds; round += 1) {
    await scene.rotateKey();
    const config = await scene.configFor((await freshRedis()).url, { limits });
    await keyturn('enqueue', config).ended;
    const began = Date.now();
    const killed = keyturn('work', config);
    await arrivalAfter(scene, began);
    const other = keyturn('work', config);
    onTestFinished(() => void other.child.kill('SIGKILL'));
    // Its start is not to be measured.
    await vi.waitFor(
      async () => expect(JSON.parse(await keyturn('status', config, '--json').ended).workers).toBe(2),
      { timeout: 60_000 },
    );
    killed.child.kill('SIGKILL');
    await killed.ended;
    const killedAt = Date.now();
    seconds.push(((await arrivalAfter(scene, killedAt)) - killedAt) / 1000);
    other.child.kill('SIGKILL');
    await other.ended;
  }
  keepFigure('from SIGKILL of a worker until its batches go on', 's', seconds, { atMost: 15 });
  expect(seconds).toHaveLength(rounds);
});
