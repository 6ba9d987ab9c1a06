import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createCallsInFlight, type CallInFlight } from '../../../src/kms/connection/calls-in-flight.ts';

const peer = { name: 'KMS', traceId: null, origin: 'http://127.0.0.1' };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function openCalls() {
  const calls = createCallsInFlight(peer, 100);
  const ended: string[] = [];
  return {
    ended,
    enter(name: string, signal?: AbortSignal): CallInFlight {
      const call: CallInFlight = {
        signal,
        deadline: 0,
        place: -1,
        giveUp({ code }) {
          calls.leave(call);
          ended.push(`${name} ${code}`);
        },
      };
      calls.enter(call);
      return call;
    },
    leave: calls.leave,
  };
}

test('each call has the whole time, whenever the timer was set, and one that has left has no end', () => {
  const { ended, enter, leave } = openCalls();
  enter('first');
  vi.advanceTimersByTime(60);
  enter('second');
  leave(enter('answered'));
  vi.advanceTimersByTime(39);
  expect(ended).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(ended).toEqual(['first TIMEOUT']);
  vi.advanceTimersByTime(59);
  enter('third');
  vi.advanceTimersByTime(1);
  expect(ended).toEqual(['first TIMEOUT', 'second TIMEOUT']);
  vi.advanceTimersByTime(99);
  expect(ended.at(-1)).toBe('third TIMEOUT');
  vi.advanceTimersByTime(1000);
  expect([ended.length, vi.getTimerCount()]).toEqual([3, 0]);
});

test('an abort ends the calls under its signal, and no others', () => {
  const { ended, enter, leave } = openCalls();
  const [one, two] = [new AbortController(), new AbortController()];
  enter('a', one.signal);
  leave(enter('answered', one.signal));
  enter('b', two.signal);
  enter('c', one.signal);
  enter('d');
  one.abort();
  expect(ended).toEqual(['a ABORTED', 'c ABORTED']);
  vi.advanceTimersByTime(100);
  expect(ended).toEqual(['a ABORTED', 'c ABORTED', 'b TIMEOUT', 'd TIMEOUT']);
});

test('a signal has one listener while it has calls, and none after: else one made of others would never be collected', () => {
  const { enter, leave } = openCalls();
  const { signal } = new AbortController();
  const listeners = (): number => getEventListeners(signal, 'abort').length;
  for (let round = 0; round < 3; round += 1) {
    const calls = ['a', 'b'].map((name) => enter(name, signal));
    expect(listeners()).toBe(1);
    for (const call of [...calls, ...calls]) leave(call);
    expect(listeners()).toBe(0);
  }
});
