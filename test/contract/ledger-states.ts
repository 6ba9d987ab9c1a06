import { describe, expect } from 'vitest';
import { emptyTally } from '../../src/rotation/batch.ts';
import type { Ledger } from '../../src/rotation/ports/ledger.ts';
import { mayTransition, states, transitions } from '../../src/rotation/state.ts';
import { newSnapshot } from '../support/new-snapshot.ts';
import { newFailure, newPass, tally, type LedgerTest } from './ledger-case.ts';

const events = ['begin', 'restart', 'pause', 'resume', 'cancel', 'extend'] as const;

function perform(ledger: Ledger, event: (typeof events)[number], epoch: string): Promise<boolean> {
  if (event === 'begin') return ledger.begin(newPass());
  if (event === 'restart') return ledger.restart(epoch, newPass());
  if (event === 'pause') return ledger.pause('operator', 'by hand');
  return event === 'extend' ? ledger.extend(epoch) : ledger[event]();
}

/** How a rotation goes from state to state, and from pass to pass. */
export function describeStates(test: LedgerTest): void {
  describe('states', () => {
    test('a rotation that the broker knows nothing of is new', async ({ ledger }) => {
      expect(await ledger.snapshot()).toEqual(newSnapshot);
    });

    for (const state of states) {
      for (const event of events) {
        const may = mayTransition(state, event);
        test(`${event} is ${may ? 'done' : 'refused'} in ${state}`, async ({ ledger, brought }) => {
          const epoch = await brought(state);
          expect(await perform(ledger, event, epoch)).toBe(may);
          expect((await ledger.snapshot()).state).toBe(may ? transitions[event].to : state);
        });
      }
    }

    // No command of its own: the last step of a pass takes it along.
    const lastSteps = {
      'the end of the scan': (ledger: Ledger, epoch: string) => ledger.completeScan(epoch),
      'the last batch': (ledger: Ledger, epoch: string) => ledger.settle(epoch, 0, emptyTally, [], {}),
    };
    for (const state of ['running', 'paused', 'cancelled'] as const) {
      const may = mayTransition(state, 'finish');
      for (const [name, step] of Object.entries(lastSteps)) {
        test(`${name} ${may ? 'finishes' : 'does not finish'} in ${state}`, async ({ ledger, begun }) => {
          const epoch = await begun(1);
          if (name === 'the last batch') await ledger.completeScan(epoch);
          else await ledger.settle(epoch, 0, emptyTally, [], {});
          if (state === 'paused') await ledger.pause('operator', 'by hand');
          if (state === 'cancelled') await ledger.cancel();
          await step(ledger, epoch);
          expect((await ledger.snapshot()).state).toBe(may ? transitions.finish.to : state);
        });
      }
    }

    test.for([
      ['failures', 2],
      ['operator', 0],
    ] as const)(
      'resume after a pause by %s accepts %i of two failures, for this pass',
      async ([cause, accepted], { ledger, begun }) => {
        const epoch = await begun(2);
        await ledger.settle(epoch, 0, emptyTally, ['a', 'b'].map(newFailure), {});
        await ledger.pause(cause, 'why');
        expect((await ledger.snapshot()).acceptedFailures).toBe(0);
        await ledger.resume();
        expect((await ledger.snapshot()).acceptedFailures).toBe(accepted);
        await ledger.cancel();
        await ledger.begin(newPass());
        expect((await ledger.snapshot()).acceptedFailures).toBe(0);
      },
    );

    test.for(['new', 'finished'] as const)(
      'the end of a scan leaves %s as it is',
      async (state, { ledger, brought }) => {
        const epoch = await brought(state);
        const before = await ledger.snapshot();
        await ledger.completeScan(epoch);
        expect(await ledger.snapshot()).toEqual(before);
      },
    );

    test('begin notes what the pass must end on, at the time of the broker', async ({ ledger }) => {
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

    test('begin repeated after a lost reply keeps what was done since', async ({ ledger, stage }) => {
      const pass = newPass();
      await ledger.begin(pass);
      await stage(pass.epoch, 0);
      expect(await ledger.begin(pass)).toBe(true);
      expect(await ledger.snapshot()).toMatchObject({ pass: 1, enqueued: 1 });
    });

    test.for(['new', 'finished'] as const)(
      'of producers that begin at once on a %s rotation one wins',
      async (state, { ledger, brought }) => {
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

    test('a new pass counts from zero, and what is left of the old one counts nothing', async ({
      ledger,
      begun,
      stage,
    }) => {
      const old = await begun(2);
      await ledger.settle(old, 0, tally({ failed: 1 }), [newFailure('ref-0')], {});
      await ledger.settle(old, 1, tally({ rotated: 1 }), [], {});
      await ledger.completeScan(old);
      const pass = newPass();
      expect(await ledger.begin(pass)).toBe(true);

      expect(await ledger.settle(old, 1, tally({ rotated: 1 }), [newFailure('late')], {})).toBeNull();
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
      expect(await ledger.settle(pass.epoch, 0, tally({ skipped: 1 }), [], {})).toMatchObject({
        settledBatches: 1,
      });
    });

    test('restart needs the epoch that lost batches, once, and a running rotation', async ({
      ledger,
      begun,
      stage,
    }) => {
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

    test('the first reason for a pause stays until it is resumed', async ({ ledger, begun }) => {
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
}
