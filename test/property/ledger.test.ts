import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  emptyTally,
  type Batch,
  type RecordFailure,
  type SourceVersions,
  type Tally,
} from '../../src/rotation/batch.ts';
import type { BeginPass, Ledger, PauseCause } from '../../src/rotation/ports/ledger.ts';
import { brokers, type TestBroker } from '../support/brokers.ts';
import { createMemoryLedger } from '../support/memory-ledger.ts';
import { runs } from '../support/property-runs.ts';

const outcomes = ['rotated', 'skipped', 'missing', 'failed'] as const;
type Outcome = (typeof outcomes)[number];

type Command =
  | { kind: 'begin'; epoch: string }
  | { kind: 'restart'; lost: string; epoch: string }
  | { kind: 'stage'; epoch: string; ahead: number; refs: string[]; cursor: string | null }
  | { kind: 'completeScan'; epoch: string }
  | { kind: 'extend'; epoch: string }
  | { kind: 'settle'; epoch: string; batch: number; outcomes: Outcome[]; conflicts: number }
  | { kind: 'putBack'; epoch: string; again: boolean; share: number; strange: boolean }
  | { kind: 'pause'; cause: PauseCause; reason: string }
  | { kind: 'resume' }
  | { kind: 'cancel' };

/** Few epochs and numbers, so that stale and repeated ones are common. */
const epoch = fc.constantFrom('e0', 'e0', 'e1');
const ref = fc.oneof(fc.constantFrom('a', 'b'), fc.string({ unit: 'binary', maxLength: 8 }));
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('begin'), epoch }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart'), lost: epoch, epoch }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('stage'),
      epoch,
      ahead: fc.constantFrom(0, 0, 0, -1, 1),
      refs: fc.uniqueArray(ref, { maxLength: 3 }),
      cursor: fc.option(ref),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('completeScan'), epoch }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('extend'), epoch }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('settle'),
      epoch,
      batch: fc.nat({ max: 3 }),
      outcomes: fc.array(fc.constantFrom(...outcomes, 'failed' as const), { minLength: 3, maxLength: 3 }),
      conflicts: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('putBack'),
      epoch,
      again: fc.boolean(),
      share: fc.constantFrom(1, 1, 0.5, 0),
      strange: fc.constantFrom(false, false, false, true),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('pause'),
      cause: fc.constantFrom<PauseCause>('operator', 'failures', 'refused'),
      reason: fc.string(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resume') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel') }) },
);
/** Every command may come twice, as after a lost reply. */
const history = fc
  .array(fc.tuple(command, fc.boolean()), { minLength: 5, maxLength: 40 })
  .map((commands): Command[] => [
    { kind: 'begin', epoch: 'e0' },
    ...commands.flatMap(([each, twice]) => (twice ? [each, each] : [each])),
  ]);

/** What is staged and listed when a command comes. */
interface Tried {
  readonly staged: readonly Batch[];
  readonly listed: readonly string[];
}

/** What a worker made of the batch. */
function settlementOf(
  { batch, outcomes: ends, conflicts }: Command & { kind: 'settle' },
  staged: readonly Batch[],
): { tally: Tally; failures: RecordFailure[]; before: SourceVersions } {
  const refs = staged[batch]?.refs ?? ['of a batch never staged'];
  const tally = { ...emptyTally, conflicts };
  for (const [i] of refs.entries()) tally[ends[i % ends.length] ?? 'rotated'] += 1;
  return {
    tally,
    failures: refs.flatMap((each, i) =>
      ends[i % ends.length] === 'failed' ? [newFailure(each, batch)] : [],
    ),
    before: tally.rotated === 0 ? {} : { [`v${batch % 2}`]: tally.rotated },
  };
}

/** `again`: the last staged batch, as after a lost reply. */
function toPutBack(
  { epoch: of, again, share, strange }: Command & { kind: 'putBack' },
  { staged, listed }: Tried,
): Batch {
  const last = staged.at(-1);
  if (again && last?.epoch === of) return last;
  const refs = listed.slice(0, Math.ceil(listed.length * share));
  return { epoch: of, number: staged.length, refs: strange ? [...refs, 'never failed'] : refs, late: true };
}

function toBatch(each: Command & { kind: 'stage' }, next: number): Batch {
  return {
    epoch: each.epoch,
    number: Math.max(0, next + each.ahead),
    refs: each.refs,
    late: each.cursor === null,
  };
}

function newFailure(failed: string, batch: number): RecordFailure {
  return {
    ref: failed,
    code: `BATCH_${batch % 2}`,
    message: 'm',
    requestId: null,
    time: '2026-01-01T00:00:00.000Z',
    attempts: batch,
  };
}

function pass(id: string): BeginPass {
  return { epoch: id, pin: { keyId: 'k', versionId: 'v' }, planDigest: 'd', planParts: {}, estimate: 7 };
}

async function perform(ledger: Ledger, each: Command, tried: Tried): Promise<boolean> {
  switch (each.kind) {
    case 'begin':
      return ledger.begin(pass(each.epoch));
    case 'restart':
      return ledger.restart(each.lost, pass(each.epoch));
    case 'stage':
      return ledger.stage({ batch: toBatch(each, tried.staged.length), cursor: each.cursor });
    case 'completeScan':
      return ledger.completeScan(each.epoch);
    case 'extend':
      return ledger.extend(each.epoch);
    case 'settle': {
      const { tally, failures, before } = settlementOf(each, tried.staged);
      const told = await ledger.settle(each.epoch, each.batch, tally, failures, before);
      if (told !== null) expect(told).toEqual(await ledger.snapshot());
      return told !== null;
    }
    case 'putBack':
      return ledger.putBack(toPutBack(each, tried));
    case 'pause':
      return ledger.pause(each.cause, each.reason);
    case 'resume':
      return ledger.resume();
    case 'cancel':
      return ledger.cancel();
  }
}

/** Without the times, which are each broker's own. */
async function stateOf(ledger: Ledger): Promise<object> {
  const { startedAt: _, finishedAt, ...snapshot } = await ledger.snapshot();
  return { ...snapshot, isFinished: finishedAt !== null };
}

for (const [name, usualRuns] of [
  ['Redis', 60],
  ['PostgreSQL', 25],
] as const) {
  describe(`ledger on ${name}`, () => {
    let broker: TestBroker | undefined;
    beforeAll(async () => {
      broker = await brokers[name]?.();
    });
    afterAll(() => broker?.close());

    test('no history of commands, repeated and stale ones among them, makes it count wrongly', async () => {
      await fc.assert(
        fc.asyncProperty(history, async (commands) => {
          const ledger = broker?.ledger(randomUUID());
          if (ledger === undefined) throw new Error('no broker');
          const model = createMemoryLedger();
          for (const each of commands) {
            const tried: Tried = {
              staged: [...model.staged()],
              listed: (await model.failures(null, 1000)).map((failure) => failure.ref),
            };
            expect(await perform(ledger, each, tried)).toBe(await perform(model, each, tried));
            expect(await stateOf(ledger)).toEqual(await stateOf(model));
            const { epoch: current, state, tally, enqueued } = await ledger.snapshot();
            if (state === 'finished') {
              const { rotated, skipped, missing, failed } = tally;
              expect(rotated + skipped + missing + failed).toBe(enqueued);
            }
            if (current !== null)
              expect(await ledger.position(current)).toEqual(await model.position(current));
          }
          const failures = await model.failures(null, 1000);
          expect(await ledger.failures(null, 1000)).toEqual(failures);
          expect(await ledger.failureCodes()).toEqual(await model.failureCodes());
          const refs = failures.map((failure) => failure.ref);
          expect(await ledger.failedAmong([...refs, 'never failed'])).toEqual(new Set(refs));
        }),
        runs(usualRuns),
      );
    });
  });
}
