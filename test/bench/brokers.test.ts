import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { freshDatabase, freshRedis } from '../support/peers.ts';
import { keepFigure } from './figures.ts';
import { keyturn } from './process.ts';
import { openBenchScene } from './scene.ts';
import { rounds, scaled, timeout } from './size.ts';

test('the same run over each broker', { timeout }, async () => {
  const scene = await openBenchScene({ records: scaled(20_000), kms: 'lean' });
  const brokers = {
    Redis: async () => (await freshRedis()).url,
    PostgreSQL: async () => {
      const database = await freshDatabase();
      onTestFinished(() => database.drop());
      return database.url;
    },
    embedded: async () => `embedded:${mkdtempSync(join(tmpdir(), 'keyturn-bench-'))}`,
  };
  const seen = Object.entries(brokers).map(([name, open]) => ({ name, open, perSecond: [] as number[] }));
  for (let round = 0; round < rounds; round += 1)
    for (const { open, perSecond } of seen) {
      await scene.rotateKey();
      const config = await scene.configFor(await open(), { limits: { rate: 'none' } });
      const startedAt = performance.now();
      await keyturn('run', config).ended;
      perSecond.push((scene.records * 1000) / (performance.now() - startedAt));
    }
  for (const { name, perSecond } of seen)
    keepFigure(`whole run with its census over ${name}`, 'records/s', perSecond);
  expect(seen).toHaveLength(3);
});
