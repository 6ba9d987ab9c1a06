import { Histogram, Registry } from 'prom-client';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSecondsHistogram } from '../../../src/telemetry/seconds-histogram.ts';
import { parseMetrics, type Scrape } from '../../support/parse-metrics.ts';
import { runs } from '../../support/property-runs.ts';

const bounds = [0.001, 0.5, 1, 60];
const seconds = fc.oneof(fc.constantFrom(0, ...bounds), fc.double({ min: 0, max: 100, noNaN: true }));

test('it says what prom-client would of the same seconds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(seconds), async (seen) => {
      const registry = new Registry();
      const theirs = new Histogram({
        name: 'x_seconds',
        help: 'X',
        labelNames: ['provider'],
        buckets: bounds,
        registers: [registry],
      });
      const ours = createSecondsHistogram('x_seconds', 'X', bounds, { provider: 'p' });
      theirs.zero({ provider: 'p' });
      for (const each of seen) {
        theirs.observe({ provider: 'p' }, each);
        ours.observe(each);
      }
      expect(parsed(ours.render())).toEqual(parsed(await registry.metrics()));
    }),
    runs(50),
  );
});

function parsed(text: string): unknown {
  const { series, types }: Scrape = parseMetrics(text);
  return { series, types };
}

test('without a label it has its bounds alone, and is there before anything is seen', () => {
  expect(createSecondsHistogram('y', 'Y', [1], {}).render()).toBe(
    '# HELP y Y\n# TYPE y histogram\ny_bucket{le="1"} 0\ny_bucket{le="+Inf"} 0\ny_sum{} 0\ny_count{} 0\n',
  );
});
