import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import type { LedgerSnapshot } from '../../src/rotation/ports/ledger.ts';
import { startHeartbeat, type Rates } from '../../src/worker/heartbeat.ts';
import { newSnapshot } from '../support/new-snapshot.ts';

const snapshot: LedgerSnapshot = { ...newSnapshot, state: 'running', epoch: 'e', pass: 1 };
const down = new Fault('transient', 'BROKER_UNREACHABLE', 'broker is out of reach', { peer: 'broker' });

describe('heartbeat', () => {
  let now = 0;
  beforeEach(() => {
    now = 1000;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  test.each(['fails', 'hangs'])(
    'a worker that hears nothing of the broker for seven seconds is told once, also while a beat %s',
    async (how) => {
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
      let answering = true;
      const seen: string[] = [];
      const heartbeat = startHeartbeat({
        beat: async () => {
          if (!answering && how === 'hangs') await new Promise(() => undefined);
          if (!answering) throw down;
          return snapshot;
        },
        counters: () => ({ calls: 0, records: 0 }),
        onBeat: () => void seen.push('beat'),
        onFault: ({ code }) => void seen.push(code),
        onCutOff: () => void seen.push('cut off'),
      });
      await vi.waitFor(() => expect(seen).toContain('beat'));
      expect(heartbeat.last()).toBe(snapshot);
      answering = false;
      if (how === 'fails') await vi.waitFor(() => expect(seen).toContain(down.code), { timeout: 5000 });

      now += 5000;
      vi.advanceTimersByTime(500);
      expect(seen).not.toContain('cut off');
      now += 500;
      vi.advanceTimersByTime(5000);
      expect(seen.filter((each) => each === 'cut off')).toHaveLength(1);

      if (how === 'hangs') return heartbeat.stop();
      answering = true;
      seen.length = 0;
      await vi.waitFor(() => expect(seen).toContain('beat'), { timeout: 5000 });
      now += 5500;
      vi.advanceTimersByTime(500);
      expect(seen.at(-1)).toBe('cut off');
      heartbeat.stop();
    },
  );

  test('it tells the rates of the last ten seconds, not of the whole life', async () => {
    const rates: Rates[] = [];
    let calls = 0;
    const heartbeat = startHeartbeat({
      beat: async (told) => {
        rates.push(told);
        now += 4000;
        calls += rates.length > 3 ? 400 : 40_000;
        return snapshot;
      },
      counters: () => ({ calls, records: calls * 2 }),
      onBeat: () => undefined,
      onFault: () => undefined,
      onCutOff: () => undefined,
    });
    await vi.waitFor(() => expect(rates.length).toBeGreaterThanOrEqual(7), { timeout: 10_000 });
    heartbeat.stop();
    expect(rates[0]).toEqual({ callsPerSecond: 0, recordsPerSecond: 0 });
    expect(rates[1]).toEqual({ callsPerSecond: 10_000, recordsPerSecond: 20_000 });
    expect(rates[6]).toEqual({ callsPerSecond: 100, recordsPerSecond: 200 });
  });

  test('a stop ends it, and what arrives after it is not acted on', async () => {
    let answer: (value: LedgerSnapshot) => void = () => undefined;
    let beats = 0;
    const heartbeat = startHeartbeat({
      beat: () => new Promise((resolve) => (answer = resolve)),
      counters: () => ({ calls: 0, records: 0 }),
      onBeat: () => (beats += 1),
      onFault: () => undefined,
      onCutOff: () => undefined,
    });
    heartbeat.stop();
    answer(snapshot);
    await vi.waitFor(() => expect(heartbeat.last()).toBe(snapshot));
    expect(beats).toBe(0);
  });
});
