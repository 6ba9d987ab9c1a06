import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { renderDashboard } from '../../scripts/grafana/render.ts';
import { contractMetrics } from '../support/contract-metrics.ts';

const committed = readFileSync('deploy/grafana/keyturn.json', 'utf8');

test.each(['deploy/grafana', 'deploy/helm/keyturn/dashboards'])(
  'the dashboard in %s is what the script makes; else run node scripts/grafana-dashboard.ts',
  async (folder) => {
    expect(readFileSync(`${folder}/keyturn.json`, 'utf8')).toBe(await renderDashboard());
  },
);

test.each(Object.keys(contractMetrics))('what keyturn_%s tells would be seen nowhere', (name) => {
  expect(committed).toMatch(new RegExp(`\\bkeyturn_${name}(_bucket|_count)?\\{`));
});

test('the runbook would send people to a panel that is not there', () => {
  const { title, panels } = z
    .object({ title: z.string(), panels: z.array(z.object({ title: z.string() })) })
    .parse(JSON.parse(committed));
  const named = [...readFileSync('RUNBOOK.md', 'utf8').matchAll(/\b_([A-Za-z ]+)_/g)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(3);
  expect([title, ...panels.map((panel) => panel.title)]).toEqual(expect.arrayContaining(named));
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
