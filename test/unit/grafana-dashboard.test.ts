import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { renderDashboard } from '../../scripts/grafana/render.ts';

const committed = readFileSync('deploy/grafana/keyturn.json', 'utf8');

test('the committed dashboard is what the script makes; else run node scripts/grafana-dashboard.ts', async () => {
  expect(await renderDashboard()).toBe(committed);
});

test('Grafana lays no two panels over each other', () => {
  const { panels } = z
    .object({
      panels: z.array(
        z.object({ gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }) }),
      ),
    })
    .parse(JSON.parse(committed));
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBeLessThanOrEqual(24);
});
