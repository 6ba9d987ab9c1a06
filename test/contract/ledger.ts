import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { emptyTally, type Batch, type RecordFailure, type Tally } from '../../src/rotation/batch.ts';
import type { BeginPass, Ledger } from '../../src/rotation/ports/ledger.ts';
import { mayTransition, states, transitions, type RotationState } from '../../src/rotation/state.ts';

/** Opens ledgers on one broker; `elapse` makes what it has noted of a rotation's workers so much older. */
export interface LedgerHarness {
  ledger(rotation: string): Ledger;
  elapse(rotation: string, ms: number): Promise<void>;
  close(): Promise<void>;
}

/** What every adapter of the port `Ledger` must do. */
export function describeLedger(name: string, openHarness: () => Promise<LedgerHarness>): void {
  describe(`ledger on ${name}`, () => {
    let harness: LedgerHarness;
    let rotation: string;
    let ledger: Ledger;
    beforeAll(async () => {
      harness = await openHarness();
    });
    afterAll(() => harness.close());
    beforeEach(() => {
      rotation = `r-${randomUUID().slice(0, 8)}`;
      ledger = harness.ledger(rotation);
    });

    async function begun(batches = 0): Promise<string> {
      const pass = newPass();
      await ledger.begin(pass);
      for (let number = 0; number < batches; number += 1) await stage(pass.epoch, number);
      return pass.epoch;
    }
    async function stage(epoch: string, number: number, refs = [`ref-${number}`]): Promise<boolean> {
      return ledger.stage({ batch: newBatch(epoch, number, refs), cursor: `after-${number}` });
    }
    async function brought(to: RotationState): Promise<string> {
      const epoch = to === 'new' ? 'none' : await begun();
      if (to === 'paused') await ledger.pause('operator', 'by hand');
      if (to === 'cancelled') await ledger.cancel();
      if (to === 'finished') await ledger.completeScan(epoch);
      return epoch;
    }

    describe('states', () => {
      test('a rotation that the broker knows nothing of is new', async () => {
        expect(await ledger.snapshot()).toEqual({
          state: 'new',
          epoch: null,
          pass: 0,
          pin: null,
          planDigest: null,
          estimate: 0,
          enqueued: 0,
          batches: 0,
          settledBatches: 0,
          scanned: false,
          tally: emptyTally,
          reason: null,
          pauseCause: null,
          startedAt: null,
          finishedAt: null,
        });
      });

      const events = {
        begin: () => ledger.begin(newPass()),
        pause: () => ledger.pause('operator', 'by hand'),
        resume: () => ledger.resume(),
        cancel: () => ledger.cancel(),
        extend: (epoch: string) => ledger.extend(epoch),
      } as const;
      for (const state of states) {
        for (const event of ['begin', 'pause', 'resume', 'cancel', 'extend'] as const) {
          const may = mayTransition(state, event);
          test(`${event} is ${may ? 'done' : 'refused'} in ${state}`, async () => {
            const epoch = await brought(state);
            expect(await events[event](epoch)).toBe(may);
            expect((await ledger.snapshot()).state).toBe(may ? transitions[event].to : state);
          });
        }
      }

      test('begin notes what the pass must end on, at the time of the broker', async () => {
        const pass = newPass();
        expect(await ledger.begin(pass)).toBe(true);
        const { startedAt, ...snapshot } = await ledger.snapshot();
        expect(snapshot).toMatchObject({
          ...pass,
          state: 'running',
          pass: 1,
          enqueued: 0,
          tally: emptyTally,
        });
        expect(startedAt).toBe(new Date(startedAt ?? '').toISOString());
        expect(Math.abs(Date.parse(startedAt ?? '') - Date.now())).toBeLessThan(10_000);
      });

      test('begin repeated after a lost reply keeps what was done since', async () => {
        const pass = newPass();
        await ledger.begin(pass);
        await stage(pass.epoch, 0);
        expect(await ledger.begin(pass)).toBe(true);
        expect(await ledger.snapshot()).toMatchObject({ pass: 1, enqueued: 1 });
      });

      test.each(['new', 'finished'] as const)(
        'of producers that begin at once on a %s rotation one wins',
        async (state) => {
          await brought(state);
          const before = await ledger.snapshot();
          const passes = Array.from({ length: 12 }, newPass);
          const won = await Promise.all(passes.map((pass) => ledger.begin(pass)));
          expect(won.filter(Boolean)).toHaveLength(1);
          expect(await ledger.snapshot()).toMatchObject({
            pass: before.pass + 1,
            epoch: passes[won.indexOf(true)]?.epoch,
          });
        },
      );

      test('a new pass counts from zero, and what is left of the old one counts nothing', async () => {
        const old = await begun(2);
        await ledger.settle(old, 0, tally({ failed: 1 }), [newFailure('ref-0')]);
        await ledger.settle(old, 1, tally({ rotated: 1 }), []);
        await ledger.completeScan(old);
        const pass = newPass();
        expect(await ledger.begin(pass)).toBe(true);

        expect(await ledger.settle(old, 1, tally({ rotated: 1 }), [newFailure('late')])).toBeNull();
        expect(await ledger.position(old)).toBeNull();
        expect(await ledger.completeScan(old)).toBe(false);
        expect(await ledger.extend(old)).toBe(false);
        expect(await stage(old, 0)).toBe(false);
        expect(await ledger.failures(null, 10)).toEqual([]);
        expect(await ledger.position(pass.epoch)).toEqual({
          cursor: null,
          scanned: false,
          nextBatch: 0,
          staged: null,
        });
        expect(await ledger.snapshot()).toMatchObject({
          state: 'running',
          pass: 2,
          enqueued: 0,
          batches: 0,
          settledBatches: 0,
          scanned: false,
          tally: emptyTally,
          finishedAt: null,
        });
        // Its batches are settled anew.
        await stage(pass.epoch, 0);
        expect(await ledger.settle(pass.epoch, 0, tally({ skipped: 1 }), [])).toMatchObject({
          settledBatches: 1,
        });
      });

      test('restart needs the epoch that lost batches, once, and a running rotation', async () => {
        const lost = await begun(3);
        const pass = newPass();
        expect(await ledger.restart('another', pass)).toBe(false);
        await ledger.pause('operator', 'by hand');
        expect(await ledger.restart(lost, pass)).toBe(false);
        await ledger.resume();
        expect(await ledger.restart(lost, pass)).toBe(true);
        await stage(pass.epoch, 0);
        expect(await ledger.restart(lost, pass)).toBe(true);
        expect(await ledger.restart(lost, newPass())).toBe(false);
        expect(await ledger.snapshot()).toMatchObject({
          epoch: pass.epoch,
          pass: 2,
          batches: 1,
          state: 'running',
        });
      });

      test('the first reason for a pause stays until it is resumed', async () => {
        await begun();
        await ledger.pause('refused', 'KMS says 403 \0 – ключ');
        await ledger.pause('operator', 'by hand');
        const paused = await ledger.snapshot();
        expect(paused).toMatchObject({ state: 'paused', pauseCause: 'refused' });
        expect(paused.reason).toMatch(/^KMS says 403 . – ключ$/u);
        await ledger.resume();
        expect(await ledger.snapshot()).toMatchObject({ state: 'running', pauseCause: null, reason: null });
      });
    });

    describe('batches', () => {
      test('a staged batch and the cursor behind it come back as they were', async () => {
        const epoch = await begun();
        const batch: Batch = { ...newBatch(epoch, 0, oddRefs), late: true };
        expect(await ledger.stage({ batch, cursor: 'c\0\u{1f511}"' })).toBe(true);
        expect(await ledger.position(epoch)).toEqual({
          cursor: 'c\0\u{1f511}"',
          scanned: false,
          nextBatch: 1,
          staged: batch,
        });
      });

      test('a batch of late writers leaves the cursor as it is', async () => {
        const epoch = await begun(1);
        await ledger.stage({ batch: newBatch(epoch, 1, ['late']), cursor: null });
        expect(await ledger.position(epoch)).toMatchObject({ cursor: 'after-0', nextBatch: 2 });
      });

      test('a number out of turn is refused', async () => {
        const epoch = await begun(2);
        expect(await stage(epoch, 0)).toBe(false);
        expect(await stage(epoch, 3)).toBe(false);
        expect(await ledger.snapshot()).toMatchObject({ batches: 2, enqueued: 2 });
      });

      test('stage repeated after a lost reply counts once, but another batch of that number is refused', async () => {
        const epoch = await begun();
        expect(await stage(epoch, 0, ['a', 'b'])).toBe(true);
        expect(await stage(epoch, 0, ['a', 'b'])).toBe(true);
        expect(await stage(epoch, 0, ['a', 'c'])).toBe(false);
        expect(await ledger.stage({ batch: newBatch(epoch, 0, ['a', 'b']), cursor: 'other' })).toBe(true);
        expect(await ledger.snapshot()).toMatchObject({ batches: 1, enqueued: 2 });
        expect(await ledger.position(epoch)).toMatchObject({ cursor: 'after-0', nextBatch: 1 });
      });

      test('of producers that stage at once one gets the number', async () => {
        const epoch = await begun();
        const won = await Promise.all(Array.from({ length: 10 }, (_, i) => stage(epoch, 0, [`of-${i}`])));
        expect(won.filter(Boolean)).toHaveLength(1);
        expect(await ledger.snapshot()).toMatchObject({ batches: 1, enqueued: 1 });
      });

      test('a pass that is over takes no batch', async () => {
        const epoch = await brought('finished');
        expect(await stage(epoch, 0)).toBe(false);
        expect(await ledger.snapshot()).toMatchObject({ state: 'finished', batches: 0 });
      });

      test('a finished pass is extended, and closed again by the end of the scan', async () => {
        const epoch = await brought('finished');
        expect(await ledger.extend(epoch)).toBe(true);
        expect(await ledger.snapshot()).toMatchObject({ state: 'running', scanned: false, finishedAt: null });
        expect(await stage(epoch, 0)).toBe(true);
        expect(await ledger.settle(epoch, 0, tally({ rotated: 1 }), [])).toMatchObject({ state: 'running' });
        expect(await ledger.completeScan(epoch)).toBe(true);
        expect(await ledger.snapshot()).toMatchObject({ state: 'finished', pass: 1, tally: { rotated: 1 } });
      });
    });

    describe('settling', () => {
      test('a batch counts once, however often and from how many workers it is settled', async () => {
        const epoch = await begun(40);
        const outcome = { rotated: 5, skipped: 4, missing: 3, failed: 0, conflicts: 2 };
        await Promise.all(Array.from({ length: 120 }, (_, i) => ledger.settle(epoch, i % 40, outcome, [])));
        expect(await ledger.snapshot()).toMatchObject({
          settledBatches: 40,
          tally: { rotated: 200, skipped: 160, missing: 120, failed: 0, conflicts: 80 },
        });
      });

      test('the last batch after the end of the scan finishes, and tells so', async () => {
        const epoch = await begun(2);
        await ledger.completeScan(epoch);
        expect(await ledger.settle(epoch, 1, tally({ rotated: 1 }), [])).toMatchObject({ state: 'running' });
        const last = await ledger.settle(epoch, 0, tally({ rotated: 1 }), []);
        expect(last).toMatchObject({ state: 'finished', settledBatches: 2, scanned: true });
        expect(Date.parse(last?.finishedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(last?.startedAt ?? ''));
        expect(await ledger.snapshot()).toEqual(last);
        expect(await ledger.settle(epoch, 0, tally({ rotated: 1 }), [])).toEqual(last);
      });

      test('all settled before the end of the scan is not finished', async () => {
        const epoch = await begun(1);
        expect(await ledger.settle(epoch, 0, tally({ rotated: 1 }), [])).toMatchObject({ state: 'running' });
        expect(await ledger.completeScan(epoch)).toBe(true);
        expect(await ledger.completeScan(epoch)).toBe(true);
        expect(await ledger.snapshot()).toMatchObject({ state: 'finished' });
      });

      test('work in flight counts after a pause, and resume finishes when nothing is left', async () => {
        const epoch = await begun(1);
        await ledger.completeScan(epoch);
        await ledger.pause('operator', 'by hand');
        const settled = await ledger.settle(epoch, 0, tally({ rotated: 1 }), []);
        expect(settled).toMatchObject({ state: 'paused', settledBatches: 1, finishedAt: null });
        expect(await ledger.resume()).toBe(true);
        expect(await ledger.snapshot()).toMatchObject({ state: 'finished' });
      });

      test('work in flight counts after a cancel and changes its state no more', async () => {
        const epoch = await begun(1);
        await ledger.completeScan(epoch);
        await ledger.cancel();
        const settled = await ledger.settle(epoch, 0, tally({ rotated: 1 }), []);
        expect(settled).toMatchObject({ state: 'cancelled', tally: { rotated: 1 } });
      });

      test('a batch that was never staged counts nothing', async () => {
        const epoch = await begun(1);
        await ledger.completeScan(epoch);
        expect(await ledger.settle(epoch, 1, tally({ rotated: 1 }), [newFailure('x')])).toMatchObject({
          state: 'running',
          settledBatches: 0,
          tally: emptyTally,
        });
        expect(await ledger.failures(null, 10)).toEqual([]);
      });

      test('a rotation never begun settles nothing', async () => {
        expect(await ledger.settle('none', 0, tally({ rotated: 1 }), [])).toBeNull();
        expect(await ledger.snapshot()).toMatchObject({ state: 'new' });
      });
    });

    describe('failures', () => {
      test('they come in the order of their references, page by page, whatever characters they hold', async () => {
        const epoch = await begun(1);
        const given = oddRefs.map(newFailure);
        await ledger.settle(epoch, 0, tally({ failed: given.length }), given);
        const listed: RecordFailure[] = [];
        for (let after: string | null = null; ;) {
          const page = await ledger.failures(after, 3);
          expect(page.length).toBeLessThanOrEqual(3);
          listed.push(...page);
          after = page.at(-1)?.ref ?? null;
          if (page.length < 3) break;
        }
        const byBytes = given.toSorted((a, b) => Buffer.compare(Buffer.from(a.ref), Buffer.from(b.ref)));
        expect(listed).toEqual(byBytes);
      });

      test('a reference that fails again is listed once, as it failed last', async () => {
        const epoch = await begun(2);
        await ledger.settle(epoch, 0, tally({ failed: 1 }), [
          newFailure('a'),
          { ...newFailure('a'), code: 'SECOND' },
        ]);
        await ledger.settle(epoch, 1, tally({ failed: 1 }), [
          { ...newFailure('a'), code: 'THIRD', requestId: 'r-9' },
        ]);
        expect(await ledger.failures(null, 10)).toEqual([
          { ...newFailure('a'), code: 'THIRD', requestId: 'r-9' },
        ]);
      });

      test('those of a batch settled twice are not listed again', async () => {
        const epoch = await begun(1);
        await ledger.settle(epoch, 0, tally({ rotated: 1 }), []);
        await ledger.settle(epoch, 0, tally({ failed: 1 }), [newFailure('a')]);
        expect(await ledger.failures(null, 10)).toEqual([]);
      });

      test('a batch may fail as a whole, thousands of references at once', async () => {
        const epoch = await begun(1);
        const given = Array.from({ length: 5000 }, (_, i) => newFailure(`row-${i}`));
        await ledger.settle(epoch, 0, tally({ failed: 5000 }), given);
        expect(await ledger.failures(null, 10_000)).toHaveLength(5000);
        expect((await ledger.failedAmong(given.map(({ ref }) => ref))).size).toBe(5000);
      });

      test('failedAmong answers the listed ones of those it is asked for', async () => {
        const epoch = await begun(1);
        await ledger.settle(epoch, 0, tally({ failed: 1 }), oddRefs.map(newFailure));
        expect(await ledger.failedAmong(['not there', ...oddRefs, ''])).toEqual(new Set(oddRefs));
        expect(await ledger.failedAmong([])).toEqual(new Set());
      });
    });

    describe('workers', () => {
      test('a report tells the state and counts the worker, once', async () => {
        const epoch = await begun();
        await ledger.report({ workerId: 'a', callsPerSecond: 1, recordsPerSecond: 1 });
        const told = await ledger.report({ workerId: 'a', callsPerSecond: 10.5, recordsPerSecond: 20.25 });
        await ledger.report({ workerId: 'b', callsPerSecond: 0.1, recordsPerSecond: 0 });
        expect(told).toMatchObject({ state: 'running', epoch });
        const { alive, callsPerSecond, recordsPerSecond } = await ledger.workers();
        expect(alive).toBe(2);
        expect(callsPerSecond).toBeCloseTo(10.6);
        expect(recordsPerSecond).toBeCloseTo(20.25);
      });

      test('a worker silent for more than five seconds is not alive', async () => {
        await ledger.report({ workerId: 'old', callsPerSecond: 1, recordsPerSecond: 1 });
        await harness.elapse(rotation, 5100);
        await ledger.report({ workerId: 'new', callsPerSecond: 2, recordsPerSecond: 3 });
        expect(await ledger.workers()).toEqual({ alive: 1, callsPerSecond: 2, recordsPerSecond: 3 });
      });

      test('a worker may report before any pass has begun', async () => {
        expect(
          await ledger.report({ workerId: 'early', callsPerSecond: 0, recordsPerSecond: 0 }),
        ).toMatchObject({ state: 'new' });
        expect(await ledger.workers()).toMatchObject({ alive: 1 });
      });
    });

    test('rotations do not see one another', async () => {
      const epoch = await begun(1);
      await ledger.settle(epoch, 0, tally({ failed: 1 }), [newFailure('a')]);
      const other = harness.ledger(`${rotation}-2`);
      expect(await other.snapshot()).toMatchObject({ state: 'new' });
      expect(await other.failures(null, 10)).toEqual([]);
      expect(await other.position(epoch)).toBeNull();
    });
  });
}

function newPass(): BeginPass {
  return {
    epoch: randomUUID(),
    pin: { keyId: 'key', versionId: 'v2' },
    planDigest: 'sha256:0',
    estimate: 12_000_000_000,
  };
}

function newBatch(epoch: string, number: number, refs: readonly string[]): Batch {
  return { epoch, number, refs, late: false };
}

function tally(some: Partial<Tally>): Tally {
  return { ...emptyTally, ...some };
}

function newFailure(ref: string): RecordFailure {
  const time = '2026-01-02T03:04:05.678Z';
  return {
    ref,
    code: 'INVALID_ARGUMENT',
    message: `bad \0 “${ref.slice(0, 9)}”`,
    requestId: null,
    time,
    attempts: 1,
  };
}

/** In UTF-16 the last two are in the other order. */
const oddRefs = [
  '["1"]',
  'b',
  'B',
  'a\0b',
  'with "quotes", \\ and {braces}, a\tb\n',
  '  ',
  'NULL',
  'ключ',
  'x'.repeat(5000),
  '\uffee',
  '\u{1f511}',
];
