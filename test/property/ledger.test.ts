import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  addTallies,
  emptyTally,
  type Batch,
  type RecordFailure,
  type Tally,
} from '../../src/rotation/batch.ts';
import type { BeginPass, Ledger, LedgerSnapshot, PauseCause } from '../../src/rotation/ports/ledger.ts';
import {
  mayTransition,
  transitions,
  type RotationEvent,
  type RotationState,
} from '../../src/rotation/state.ts';
import { brokers, type TestBroker } from '../support/brokers.ts';
import { runs } from '../support/property-runs.ts';

type Command =
  | { kind: 'begin'; epoch: string }
  | { kind: 'restart'; lost: string; epoch: string }
  | { kind: 'stage'; epoch: string; ahead: number; refs: string[]; cursor: string | null }
  | { kind: 'completeScan'; epoch: string }
  | { kind: 'extend'; epoch: string }
  | { kind: 'settle'; epoch: string; batch: number; tally: Tally; failed: string[] }
  | { kind: 'pause'; cause: PauseCause; reason: string }
  | { kind: 'resume' }
  | { kind: 'cancel' };

/** Few epochs and numbers, so that stale and repeated ones are common. */
const epoch = fc.constantFrom('e0', 'e0', 'e1');
const ref = fc.oneof(fc.constantFrom('a', 'b'), fc.string({ unit: 'binary', maxLength: 8 }));
const outcomes = fc.nat({ max: 3 });
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('begin'), epoch }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart'), lost: epoch, epoch }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('stage'),
      epoch,
      ahead: fc.constantFrom(0, 0, 0, -1, 1),
      refs: fc.array(ref, { maxLength: 3 }),
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
      tally: fc.record({
        rotated: outcomes,
        skipped: outcomes,
        missing: outcomes,
        failed: outcomes,
        conflicts: outcomes,
      }),
      failed: fc.array(ref, { maxLength: 3 }),
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

/** The port's words, in memory and for one caller. */
function createModel() {
  let state: RotationState = 'new';
  let pass = 0;
  let current: string | null = null;
  let staged: Batch[] = [];
  let cursor: string | null = null;
  let scanned = false;
  let settled = new Map<number, Tally>();
  let failures = new Map<string, RecordFailure>();
  let pause: { cause: PauseCause; reason: string } | null = null;

  const may = (event: RotationEvent): boolean => mayTransition(state, event);
  function move(event: RotationEvent): true {
    state = transitions[event].to;
    pause = null;
    return true;
  }
  function finishIfSettled(): true {
    if (may('finish') && scanned && settled.size === staged.length) move('finish');
    return true;
  }
  function open(next: string): true {
    [pass, current, staged, cursor, scanned] = [pass + 1, next, [], null, false];
    [settled, failures] = [new Map(), new Map()];
    return move('begin');
  }
  const isCurrent = (given: string): boolean => given === current;

  const model = {
    apply(each: Command): boolean {
      switch (each.kind) {
        case 'begin':
          return isCurrent(each.epoch) || (may('begin') && open(each.epoch));
        case 'restart':
          return isCurrent(each.epoch) || (state === 'running' && isCurrent(each.lost) && open(each.epoch));
        case 'stage': {
          const batch = toBatch(each, staged.length);
          if (!isCurrent(each.epoch)) return false;
          if (batch.number === staged.length - 1)
            return JSON.stringify(staged.at(-1)) === JSON.stringify(batch);
          if (batch.number !== staged.length || !['running', 'paused'].includes(state)) return false;
          staged.push(batch);
          cursor = each.cursor ?? cursor;
          return true;
        }
        case 'completeScan':
          scanned ||= isCurrent(each.epoch);
          return isCurrent(each.epoch) && finishIfSettled();
        case 'extend':
          if (!isCurrent(each.epoch) || !may('extend')) return false;
          scanned = false;
          return move('extend');
        case 'settle':
          if (!isCurrent(each.epoch)) return false;
          if (each.batch >= staged.length || settled.has(each.batch)) return true;
          settled.set(each.batch, each.tally);
          for (const failed of each.failed) failures.set(failed, newFailure(failed, each.batch));
          return finishIfSettled();
        case 'pause': {
          if (!may('pause')) return false;
          move('pause');
          pause = { cause: each.cause, reason: each.reason };
          return true;
        }
        case 'resume':
          return may('resume') && move('resume') && finishIfSettled();
        case 'cancel':
          return may('cancel') && move('cancel');
      }
    },
    nextBatch: () => staged.length,
    snapshot: (): Partial<LedgerSnapshot> => ({
      state,
      epoch: current,
      pass,
      enqueued: staged.reduce((sum, batch) => sum + batch.refs.length, 0),
      batches: staged.length,
      settledBatches: settled.size,
      scanned,
      tally: [...settled.values()].reduce(addTallies, emptyTally),
      pauseCause: pause?.cause ?? null,
      reason: pause?.reason ?? null,
    }),
    position: () => ({ cursor, scanned, nextBatch: staged.length, staged: staged.at(-1) ?? null }),
    failures: () =>
      [...failures.values()].toSorted((a, b) => Buffer.compare(Buffer.from(a.ref), Buffer.from(b.ref))),
  };
  return model;
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
    code: `BATCH_${batch}`,
    message: 'm',
    requestId: null,
    time: '2026-01-01T00:00:00.000Z',
    attempts: batch,
  };
}

function pass(id: string): BeginPass {
  return { epoch: id, pin: { keyId: 'k', versionId: 'v' }, planDigest: 'd', estimate: 7 };
}

async function perform(ledger: Ledger, each: Command, nextBatch: number): Promise<boolean> {
  switch (each.kind) {
    case 'begin':
      return ledger.begin(pass(each.epoch));
    case 'restart':
      return ledger.restart(each.lost, pass(each.epoch));
    case 'stage':
      return ledger.stage({ batch: toBatch(each, nextBatch), cursor: each.cursor });
    case 'completeScan':
      return ledger.completeScan(each.epoch);
    case 'extend':
      return ledger.extend(each.epoch);
    case 'settle': {
      const failures = each.failed.map((failed) => newFailure(failed, each.batch));
      const told = await ledger.settle(each.epoch, each.batch, each.tally, failures);
      if (told !== null) expect(told).toEqual(await ledger.snapshot());
      return told !== null;
    }
    case 'pause':
      return ledger.pause(each.cause, each.reason);
    case 'resume':
      return ledger.resume();
    case 'cancel':
      return ledger.cancel();
  }
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
          const model = createModel();
          for (const each of commands) {
            const answer = await perform(ledger, each, model.nextBatch());
            expect(answer).toBe(model.apply(each));
            const snapshot = await ledger.snapshot();
            const expected = model.snapshot();
            expect(snapshot).toMatchObject(expected);
            expect(snapshot.finishedAt === null).toBe(snapshot.state !== 'finished');
            if (snapshot.epoch !== null)
              expect(await ledger.position(snapshot.epoch)).toEqual(model.position());
          }
          const failures = model.failures();
          expect(await ledger.failures(null, 1000)).toEqual(failures);
          const refs = failures.map((failure) => failure.ref);
          expect(await ledger.failedAmong([...refs, 'never failed'])).toEqual(new Set(refs));
        }),
        runs(usualRuns),
      );
    });
  });
}
