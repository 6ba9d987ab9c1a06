import { fates, type Fate } from './network.ts';
import { createRandom, type Random } from './random.ts';

/** What happens from outside to the processes and their peers. */
export const upheavals = [
  'crash',
  'freeze',
  'partition',
  'stop',
  'stall',
  'forget some batches',
  'forget all batches',
  'lose the broker',
  'throttle',
  'kms down',
  'kms lags',
  'kms refuses',
  'steer',
  'verify',
  'retry',
] as const;
export type Upheaval = (typeof upheavals)[number];

/** What is drawn for a run: each has some kinds of trouble and not others, so that rare mixes come up. */
export interface Scenario {
  readonly seed: number;
  readonly records: number;
  /** Source and target differ in key and AAD. */
  readonly moves: boolean;
  readonly headersReadable: boolean;
  readonly notesVersion: boolean;
  readonly itemsPerCall: number;
  readonly workers: number;
  readonly producer: 'enqueue' | 'run';
  readonly deep: boolean;
  readonly limits: {
    readonly rate: number | null;
    readonly concurrency: number;
    readonly batchSize: number;
    readonly backlog: number;
    readonly maxFailures: number;
  };
  readonly stormMs: number;
  readonly betweenUpheavalsMs: number;
  readonly upheavals: readonly Upheaval[];
  readonly fates: readonly Fate[];
  readonly fateShare: number;
  /** How the application disturbs: writes a second, and of which kinds. */
  readonly writesPerSecond: number;
  readonly writes: readonly ('old' | 'new' | 'rubbish' | 'delete' | 'insert')[];
}

export function drawScenario(seed: number): { scenario: Scenario; random: Random } {
  const random = createRandom(seed);
  const some = <Kind>(kinds: readonly Kind[], share: number): Kind[] =>
    kinds.filter(() => random.chance(share));
  const scenario: Scenario = {
    seed,
    records: random.between(0, 24),
    moves: random.chance(0.4),
    headersReadable: random.chance(0.4),
    notesVersion: random.chance(0.3),
    itemsPerCall: random.pick([1, 1, 4]),
    workers: random.between(1, 3),
    producer: random.pick(['enqueue', 'run']),
    deep: random.chance(0.5),
    limits: {
      rate: random.pick(['none', 'slow', 'fast']) === 'none' ? null : random.between(5, 200),
      concurrency: random.between(1, 6),
      batchSize: random.between(1, 6),
      backlog: random.between(1, 5),
      maxFailures: random.pick([1000, 1000, 1]),
    },
    stormMs: random.between(3000, 40_000),
    betweenUpheavalsMs: random.pick([400, 1500, 5000]),
    upheavals: some(upheavals, 0.4),
    fates: some(fates, 0.5),
    fateShare: random.pick([0, 0.02, 0.1, 0.3]),
    writesPerSecond: random.pick([0, 0.5, 3, 15]),
    writes: some(['old', 'new', 'rubbish', 'delete', 'insert'] as const, 0.5),
  };
  return { scenario, random };
}
