import { expect, test } from 'vitest';
import { fates } from './network.ts';
import { sabotages } from './sabotage.ts';
import { upheavals } from './scenario.ts';
import { simulate, type Simulated } from './simulate.ts';

const { SEED, SLOW } = process.env;
const file = 'test/simulation/simulation.test.ts';
const usualSeeds = 200;
const slowSeeds = 10_000;
/** So many that a test stays within the time that any test has. */
const seedsPerTest = 20;
/** Lines of the history that a failure shows; all of them when a seed is replayed. */
const shownLines = SEED === undefined ? 60 : Infinity;

/** Found something once that the usual ones do not: a pass begun while a `run` took the last one's census. */
const tellingSeeds = [2081];
const seedCount = SLOW === '1' ? slowSeeds : usualSeeds;
const groups =
  SEED === undefined
    ? [
        ...Array.from({ length: seedCount / seedsPerTest }, (_, group) => ({
          from: group * seedsPerTest,
          to: (group + 1) * seedsPerTest - 1,
        })),
        ...tellingSeeds.map((seed) => ({ from: seed, to: seed })),
      ]
    : [{ from: Number(SEED), to: Number(SEED) }];

/** Calls that change something, or cost. */
const writes = ['replace', 'settle', 'queue.add', 'reEncrypt'];
/** Words of the history. */
const marks = [
  ...upheavals.map((upheaval) => `world        ${upheaval}`),
  // A crash is rarer, and any change of the code moves it to another call.
  ...fates.flatMap((fate) =>
    fate.startsWith('crash') ? [`: ${fate}`] : writes.map((write) => `${write}: ${fate}`),
  ),
  'replaced',
  'conflict',
  'loses the lock',
  'restart e',
  'extend e',
  'putBack',
  'pause failures',
  'pause refused',
  'certifies safe-to-retire',
  'certifies not-safe',
];
const cameUp = new Set<string>();

function describeFailure({ scenario, violations, history }: Simulated): string {
  return [
    `seed ${scenario.seed}: ${violations.join('; ')}`,
    `replay it: SEED=${scenario.seed} npx vitest run --project unit ${file}`,
    JSON.stringify(scenario),
    ...history.slice(-shownLines),
  ].join('\n');
}

test.each(groups)(
  'whatever breaks, nothing is lost, overwritten or counted twice, and no verdict is false: seeds $from to $to',
  async ({ from, to }) => {
    for (let seed = from; seed <= to; seed += 1) {
      const run = await simulate(seed);
      for (const line of run.history) for (const mark of marks) if (line.includes(mark)) cameUp.add(mark);
      if (run.violations.length > 0) expect.fail(describeFailure(run));
    }
  },
);

// A bench in which nothing happens passes too.
test.runIf(SEED === undefined)('every kind of mishap, and of recovery, came up in them', () => {
  expect(marks.filter((mark) => !cameUp.has(mark))).toEqual([]);
});

test('a seed tells the same story each time, so that a failure can be replayed', async () => {
  for (const seed of [30, 95]) {
    const { history } = await simulate(seed);
    expect(history.length).toBeGreaterThan(500);
    expect((await simulate(seed)).history).toEqual(history);
  }
});

test.each(Object.entries(sabotages))(
  '%s is found out',
  async (_name, sabotage) => {
    for (let seed = 0; seed < usualSeeds; seed += 1) {
      const { violations } = await simulate(seed, sabotage);
      if (violations.length > 0) return;
    }
    expect.fail(`not one of ${usualSeeds} seeds noticed it`);
  },
  120_000,
);
