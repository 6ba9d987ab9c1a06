import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  addTallies,
  emptyTally,
  type Batch,
  type RecordFailure,
  type SourceVersions,
  type Tally,
} from '../../src/rotation/batch.ts';
import type { BeginPass, Ledger, LedgerSnapshot, PauseCause } from '../../src/rotation/ports/ledger.ts';
import {
  mayPutBack,
  mayTransition,
  transitions,
  type RotationEvent,
  type RotationState,
} from '../../src/rotation/state.ts';
import { brokers, type TestBroker } from '../support/brokers.ts';
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

interface Settled {
  readonly tally: Tally;
  readonly failures: readonly RecordFailure[];
  readonly before: SourceVersions;
}

type Model = ReturnType<typeof createModel>;

/** The port's words, in memory and for one caller. */
function createModel() {
  let state: RotationState = 'new';
  let pass = 0;
  let current: string | null = null;
  let staged: Batch[] = [];
  let cursor: string | null = null;
  let scanned = false;
  let enqueued = 0;
  let settled = new Map<number, Settled>();
  let failures = new Map<string, RecordFailure>();
  let pause: { cause: PauseCause; reason: string } | null = null;
  let acceptedFailures = 0;

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
    [pass, current, staged, cursor, scanned, enqueued] = [pass + 1, next, [], null, false, 0];
    [settled, failures, acceptedFailures] = [new Map(), new Map(), 0];
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
          enqueued += batch.refs.length;
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
        case 'settle': {
          if (!isCurrent(each.epoch)) return false;
          if (each.batch >= staged.length || settled.has(each.batch)) return true;
          const done = model.settle(each);
          settled.set(each.batch, done);
          for (const failure of done.failures) {
            if (failures.has(failure.ref)) enqueued -= 1;
            failures.set(failure.ref, failure);
          }
          return finishIfSettled();
        }
        case 'putBack': {
          const batch = model.putBack(each);
          if (!isCurrent(each.epoch)) return false;
          if (batch === staged.at(-1)) return true;
          if (!mayPutBack(state) || !batch.refs.every((failed) => failures.has(failed))) return false;
          for (const failed of batch.refs) failures.delete(failed);
          acceptedFailures = Math.min(acceptedFailures, failures.size);
          staged.push(batch);
          return may('extend') ? move('extend') : true;
        }
        case 'pause': {
          if (!may('pause')) return false;
          move('pause');
          pause = { cause: each.cause, reason: each.reason };
          return true;
        }
        case 'resume':
          if (!may('resume')) return false;
          if (pause?.cause === 'failures') acceptedFailures = failures.size;
          move('resume');
          return finishIfSettled();
        case 'cancel':
          return may('cancel') && move('cancel');
      }
    },
    nextBatch: () => staged.length,
    /** What a worker made of the batch. */
    settle({ batch, outcomes: ends, conflicts }: Command & { kind: 'settle' }): Settled {
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
    },
    /** `again`: the last staged batch, as after a lost reply. */
    putBack({ epoch: of, again, share, strange }: Command & { kind: 'putBack' }): Batch {
      const last = staged.at(-1);
      if (again && last?.epoch === of) return last;
      const listed = [...failures.keys()];
      const refs = listed.slice(0, Math.ceil(listed.length * share));
      const number = staged.length;
      return { epoch: of, number, refs: strange ? [...refs, 'never failed'] : refs, late: true };
    },
    snapshot: (): Partial<LedgerSnapshot> => ({
      state,
      epoch: current,
      pass,
      enqueued,
      batches: staged.length,
      settledBatches: settled.size,
      scanned,
      tally: {
        ...[...settled.values()].map(({ tally }) => tally).reduce(addTallies, emptyTally),
        failed: failures.size,
      },
      acceptedFailures,
      before: sumOf([...settled.values()].map(({ before }) => before)),
      pauseCause: pause?.cause ?? null,
      reason: pause?.reason ?? null,
    }),
    position: () => ({
      cursor,
      scanned,
      nextBatch: staged.length,
      staged: settled.has(staged.length - 1) ? null : (staged.at(-1) ?? null),
    }),
    failures: () =>
      [...failures.values()].toSorted((a, b) => Buffer.compare(Buffer.from(a.ref), Buffer.from(b.ref))),
  };
  return model;
}

function sumOf(all: readonly SourceVersions[]): SourceVersions {
  const sum = new Map<string, number>();
  for (const [version, count] of all.flatMap(Object.entries<number>)) {
    sum.set(version, (sum.get(version) ?? 0) + count);
  }
  return Object.fromEntries(sum);
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

async function perform(ledger: Ledger, each: Command, model: Model): Promise<boolean> {
  switch (each.kind) {
    case 'begin':
      return ledger.begin(pass(each.epoch));
    case 'restart':
      return ledger.restart(each.lost, pass(each.epoch));
    case 'stage':
      return ledger.stage({ batch: toBatch(each, model.nextBatch()), cursor: each.cursor });
    case 'completeScan':
      return ledger.completeScan(each.epoch);
    case 'extend':
      return ledger.extend(each.epoch);
    case 'settle': {
      const { tally, failures, before } = model.settle(each);
      const told = await ledger.settle(each.epoch, each.batch, tally, failures, before);
      if (told !== null) expect(told).toEqual(await ledger.snapshot());
      return told !== null;
    }
    case 'putBack':
      return ledger.putBack(model.putBack(each));
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
            const answer = await perform(ledger, each, model);
            expect(answer).toBe(model.apply(each));
            const snapshot = await ledger.snapshot();
            const expected = model.snapshot();
            expect(snapshot).toMatchObject(expected);
            if (snapshot.state === 'finished') {
              const { rotated, skipped, missing, failed } = snapshot.tally;
              expect(rotated + skipped + missing + failed).toBe(snapshot.enqueued);
            }
            expect(snapshot.finishedAt === null).toBe(snapshot.state !== 'finished');
            if (snapshot.epoch !== null)
              expect(await ledger.position(snapshot.epoch)).toEqual(model.position());
          }
          const failures = model.failures();
          expect(await ledger.failures(null, 1000)).toEqual(failures);
          expect(await ledger.failureCodes()).toEqual(sumOf(failures.map(({ code }) => ({ [code]: 1 }))));
          const refs = failures.map((failure) => failure.ref);
          expect(await ledger.failedAmong([...refs, 'never failed'])).toEqual(new Set(refs));
        }),
        runs(usualRuns),
      );
    });
  });
}
