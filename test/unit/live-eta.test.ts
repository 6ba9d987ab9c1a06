import { expect, test } from 'vitest';
import { createLiveEta } from '../../src/cli/live-eta.ts';
import { newLive } from '../support/new-live.ts';

/** A view that is read once a second while `perSecond` records get done. */
function watchFrom(done: number) {
  let now = 0;
  const eta = createLiveEta(() => now);
  return (seconds: number, perSecond: number, changed: Partial<ReturnType<typeof newLive>> = {}) => {
    let told: number | null = null;
    for (let second = 0; second < seconds; second += 1) {
      now += 1000;
      done += perSecond;
      told = eta({ ...newLive({ rotated: done, remaining: 100_000 - done, etaSeconds: 77 }), ...changed });
    }
    return told;
  };
}

test('until the view has seen enough, the time to go is the one of the workers', () => {
  expect(watchFrom(0)(9, 100)).toBe(77);
});

test('the time to go follows what the view has seen', () => {
  expect(watchFrom(0)(30, 100)).toBe(970);
});

test('what was longer than a minute ago does not make the time to go wrong', () => {
  const watch = watchFrom(0);
  watch(100, 10);
  expect(watch(61, 100)).toBe(929);
});

test('a pause, which is no work, does not make the time to go longer', () => {
  const watch = watchFrom(0);
  watch(30, 100);
  expect(watch(50, 0, { state: 'paused', etaSeconds: null })).toBeNull();
  watch(1, 100);
  expect(watch(19, 100)).toBe(950);
});

test('after a change of the rate the old one tells nothing', () => {
  const watch = watchFrom(0);
  watch(50, 400);
  const slow = { rate: { configured: 50, effective: 50, observed: 50 } };
  expect(watch(5, 50, slow)).toBe(77);
  expect(watch(15, 50, slow)).toBe(1580);
});

test('nothing that moves promises no time of its own', () => {
  expect(watchFrom(5)(40, 0, { etaSeconds: null })).toBeNull();
});
