import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import { openAccount } from '../../src/worker/account.ts';

const fault = new Fault('record', 'X', 'x');

describe('the books of a batch', () => {
  test('however often and in whatever order outcomes come, each reference is counted once', () => {
    const outcome = fc.constantFrom(
      'rotated' as const,
      'skipped' as const,
      'missing' as const,
      'failed' as const,
    );
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string(), { maxLength: 20 }),
        fc.array(fc.tuple(fc.nat(25), outcome, fc.boolean()), { maxLength: 60 }),
        (refs, events) => {
          let account = openAccount(refs, null);
          for (const [index, what, handBack] of events) {
            const ref = refs[index] ?? 'of another batch';
            if (what === 'failed') account.setAside(ref, fault, 1);
            else if (what === 'rotated') account.settleRotated(ref, `v${index % 3}`);
            else account.settle(ref, what);
            // Handed back and taken up by another worker.
            if (handBack) account = openAccount([], account.progress());
          }
          const { rotated, skipped, missing, failed } = account.tally();
          expect(rotated + skipped + missing + failed + account.left.size).toBe(refs.length);
          expect(account.failures().length).toBe(failed);
          expect(Object.values(account.before()).reduce((sum, count) => sum + count, 0)).toBe(rotated);
        },
      ),
    );
  });

  test('what was set aside before a hand-back is tried again', () => {
    const account = openAccount(['a', 'b', 'c'], null);
    account.setAside('a', fault, 1);
    account.settle('b', 'skipped');
    const again = openAccount([], account.progress());
    expect([...again.left].toSorted()).toEqual(['a', 'c']);
    expect(again.tally()).toMatchObject({ skipped: 1, failed: 0 });
    expect(again.failures()).toEqual([]);
  });

  test('what was written and cannot be opened stays listed through a hand-back, and is counted once', () => {
    const account = openAccount(['a', 'b'], null);
    account.condemn('a', fault, 2);
    const handedBack = account.progress();
    expect(handedBack).toMatchObject({ left: ['b'], tally: { failed: 0 }, failures: [{ ref: 'a' }] });
    const again = openAccount([], handedBack);
    again.settle('b', 'skipped');
    expect(again.tally()).toMatchObject({ skipped: 1, failed: 1 });
    expect(again.failures()).toMatchObject([{ ref: 'a', attempts: 2 }]);
  });

  test('hand-backs without one record done are counted, and any record done ends the row', () => {
    const first = openAccount(['a', 'b'], null).progress();
    const second = openAccount([], first);
    expect([first.fruitless, second.progress().fruitless]).toEqual([1, 2]);
    second.settleRotated('a', 'v1');
    expect(second.progress().fruitless).toBe(0);
  });
});
