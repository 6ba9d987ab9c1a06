import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { onAbort } from '../../src/rotation/on-abort.ts';

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

test('all who wait for a signal are told by one listener, but for those who have left', () => {
  const control = new AbortController();
  const told: string[] = [];
  const leave = ['a', 'b', 'c'].map((name) => onAbort(control.signal, () => told.push(name)));
  expect(listeners(control.signal)).toBe(1);
  leave[1]?.();
  control.abort();
  expect(told).toEqual(['a', 'c']);
});

test('no listener stays where nobody waits: a signal made of others would never be collected', () => {
  const { signal } = new AbortController();
  for (let turn = 0; turn < 3; turn += 1) {
    const leave = [onAbort(signal, () => undefined), onAbort(signal, () => undefined)];
    for (const each of [...leave, ...leave]) each();
    expect(listeners(signal)).toBe(0);
  }
});

test('one that leaves twice takes nobody else with it', () => {
  const control = new AbortController();
  const told: string[] = [];
  const first = onAbort(control.signal, () => told.push('first'));
  first();
  onAbort(control.signal, () => told.push('second'));
  first();
  control.abort();
  expect(told).toEqual(['second']);
});
