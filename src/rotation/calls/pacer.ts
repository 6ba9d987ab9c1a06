import { sleep } from '../backoff.ts';
import { onAbort } from '../on-abort.ts';
import { patiently } from '../patience.ts';
import { asFault, Fault } from '../faults.ts';
import type { Pace } from '../ports/pace.ts';

/** A slot missed by more than this is given up: calls that were held back must not pile up into a burst. */
const toleranceMs = 12;
/**
 * A process that begins to work is held up often: its code is compiled and its connections are opened as it
 * goes, also after a call has left the pacer. So it begins at less than its share, and gives a missed slot up
 * sooner.
 */
const warmUp = { afterIdleMs: 1000, forMs: 400, share: 0.9, toleranceMs: 8 } as const;
/** A slice holds at most this much of the rate, so that a new rate, a pause or a cancel bites soon. */
const sliceSeconds = 0.25;
/**
 * Slots are taken ahead for the calls that will come in this time, so that a busy worker asks once per many
 * calls.
 */
const lookaheadSeconds = 0.02;
/** Without a limit the broker is asked no more often than this. */
const unlimitedRefreshMs = 100;

/** Lets calls of this process start at the time that the global pace grants them. */
export interface Pacer {
  /**
   * Resolves when one call may start, which counts as `cost` of the rate; null where it may at once. Rejects when
   * `signal` aborts, or the broker refuses us.
   */
  slot(signal: AbortSignal, cost?: number): Promise<void> | null;
  penalize(retryAfterMs: number): Promise<void>;
}

interface Waiter {
  readonly release: () => void;
  readonly fail: (fault: Fault) => void;
}

export function createPacer(
  pace: Pick<Pace, 'take' | 'penalize'>,
  observe: { waited: (seconds: number) => void; fault: (fault: Fault) => void },
): Pacer {
  const waiters = new Set<Waiter>();
  /** Start times of granted slots, ascending, by performance.now(). */
  const slots: number[] = [];
  let taking = false;
  let timer: NodeJS.Timeout | undefined;
  let effectiveRate = 0;
  /** Slots that a cold process has yet to leave unused; a part of one each time. */
  let toLeave = 0;
  let unlimitedUntil = 0;
  /** When calls were last asked for after none had been. */
  let busySince = 0;
  let servedAt = -Infinity;
  const throughput = createThroughput();

  function isWarm(now: number): boolean {
    return now - busySince >= warmUp.forMs;
  }

  function serve(): void {
    const now = performance.now();
    const tolerance = isWarm(now) ? toleranceMs : warmUp.toleranceMs;
    const firstInTime = slots.findIndex((slot) => slot > now - tolerance);
    if (firstInTime !== 0) slots.splice(0, firstInTime < 0 ? slots.length : firstInTime);
    let due = 0;
    for (const waiter of waiters) {
      const slot = slots[due];
      if (now >= unlimitedUntil && (slot === undefined || slot > now)) break;
      if (now >= unlimitedUntil) due += 1;
      waiters.delete(waiter);
      servedAt = now;
      throughput.count(now);
      waiter.release();
    }
    slots.splice(0, due);
    const grantedUntil = slots.at(-1) ?? now;
    if (waiters.size > slots.length && grantedUntil < now + sliceSeconds * 1000) void take();
    clearTimeout(timer);
    const next = slots[0];
    if (next !== undefined && waiters.size > 0) timer = setTimeout(serve, Math.max(0, next - now));
  }

  async function take(): Promise<void> {
    if (taking) return;
    taking = true;
    try {
      const wanted = waiters.size - slots.length + Math.ceil(throughput.perSecond() * lookaheadSeconds);
      // What a slice may hold is known only after the first one.
      const most = Math.max(1, Math.floor(effectiveRate * sliceSeconds));
      const calls = Math.min(wanted, most);
      if (!isWarm(performance.now())) toLeave += calls * (1 / warmUp.share - 1);
      const taken = calls + Math.floor(toLeave);
      toLeave %= 1;
      // Waits out a broker's outage as long as someone waits for a slot; a worker that is cut off aborts
      // them.
      const grant = await patiently(
        { signal: whileWaiting(), patienceMs: Infinity, onFault: observe.fault },
        () => pace.take(taken),
      );
      const start = performance.now() + grant.delayMs;
      effectiveRate = grant.effectiveRate;
      if (grant.effectiveRate === Infinity && grant.delayMs <= 0) unlimitedUntil = start + unlimitedRefreshMs;
      for (let call = 0; call < calls; call += 1)
        slots.push(start + (call * grant.spacingMs * taken) / calls);
      taking = false;
      serve();
    } catch (error) {
      taking = false;
      const fault = asFault(error);
      for (const waiter of waiters) waiter.fail(fault);
      waiters.clear();
    }
  }

  let stopWaiting = new AbortController();
  function whileWaiting(): AbortSignal {
    stopWaiting = new AbortController();
    return stopWaiting.signal;
  }

  /** A call that costs more than one is too seldom to share a slice: it asks for its time by itself. */
  async function costlySlot(signal: AbortSignal, cost: number): Promise<void> {
    const since = performance.now();
    const patience = { signal, patienceMs: Infinity, onFault: observe.fault };
    try {
      const { delayMs } = await patiently(patience, () => pace.take(cost));
      await sleep(delayMs, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    if (signal.aborted) throw stopped();
    observe.waited((performance.now() - since) / 1000);
  }

  return {
    slot(signal, cost = 1) {
      if (cost > 1) return costlySlot(signal, cost);
      const since = performance.now();
      if (since < unlimitedUntil && waiters.size === 0 && !signal.aborted) {
        observe.waited(0);
        return null;
      }
      return new Promise<void>((resolve, reject) => {
        if (signal.aborted) return reject(stopped());
        if (waiters.size === 0 && since - servedAt > warmUp.afterIdleMs) busySince = since;
        const waiter: Waiter = {
          release: () => {
            stay();
            observe.waited((performance.now() - since) / 1000);
            resolve();
          },
          fail: (fault) => {
            stay();
            reject(fault);
          },
        };
        const stay = onAbort(signal, () => {
          waiters.delete(waiter);
          if (waiters.size === 0) stopWaiting.abort();
          reject(stopped());
        });
        waiters.add(waiter);
        serve();
      });
    },
    penalize: (retryAfterMs) => pace.penalize(retryAfterMs),
  };
}

function stopped(): Fault {
  return new Fault('transient', 'ABORTED', 'stopped before the KMS was called');
}

/** Calls started per second, over about the last second. */
function createThroughput(): { count(now: number): void; perSecond(): number } {
  let windowStart = performance.now();
  let inWindow = 0;
  let last = 0;
  return {
    count(now) {
      if (now - windowStart >= 1000) {
        last = (inWindow * 1000) / (now - windowStart);
        windowStart = now;
        inWindow = 0;
      }
      inWindow += 1;
    },
    perSecond: () => last,
  };
}
