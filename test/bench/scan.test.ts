import { expect, test } from 'vitest';
import { freshRedis } from '../support/peers.ts';
import { keepFigure } from './figures.ts';
import { keyturn } from './process.ts';
import { openBenchScene } from './scene.ts';
import { rounds, scaled, timeout } from './size.ts';

/** What a command needs that has nothing to do: its start, and its connections. */
async function startSeconds(config: string): Promise<number> {
  const startedAt = performance.now();
  await keyturn('status', config).ended;
  return (performance.now() - startedAt) / 1000;
}

async function secondsOf(command: string, config: string): Promise<number> {
  const start = await startSeconds(config);
  const startedAt = performance.now();
  await keyturn(command, config).ended;
  return (performance.now() - startedAt) / 1000 - start;
}

test('references enqueued, and records verified by their header', { timeout }, async () => {
  const scene = await openBenchScene({ records: scaled(1_000_000), kms: 'lean' });
  const limits = { rate: 'none', backlog: 100_000 };
  const enqueued: number[] = [];
  const verified: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const config = await scene.configFor((await freshRedis()).url, { limits });
    enqueued.push(scene.records / (await secondsOf('enqueue', config)));
    verified.push(scene.records / (await secondsOf('verify', config)));
  }
  keepFigure('producer, references enqueued', 'references/s', enqueued, { atLeast: 200_000 });
  keepFigure('census by header, one process', 'records/s', verified, { atLeast: 100_000 });
  expect(verified).toHaveLength(rounds);
});
