import type { Fault } from '../../rotation/faults.ts';
import { onAbort } from '../../rotation/on-abort.ts';
import { createAbortedFault } from './aborted.ts';
import { createTimeoutFault, type Peer } from './network-fault.ts';

/** A request that may be out. */
export interface CallInFlight {
  readonly signal: AbortSignal | undefined;
  /** Ends it; it leaves. */
  readonly giveUp: (fault: Fault) => void;
  /** By performance.now(); set as it enters. */
  deadline: number;
  /** Among those in flight; -1 while it is not. */
  place: number;
}

/**
 * Gives calls up that take longer than all may, or whose signal aborts. One timer for all of them, and one listener for
 * each signal: with a timer and a listener for each call, these would be a tenth of what a record costs.
 */
export interface CallsInFlight {
  /** Under a signal that is not aborted yet. */
  enter(call: CallInFlight): void;
  /** Does nothing where it is not in flight. */
  leave(call: CallInFlight): void;
}

/** A signal of calls in flight. */
interface Watched {
  readonly signal: AbortSignal;
  readonly leave: () => void;
  calls: number;
}

/** `timeoutMs` is over the whole call. */
export function createCallsInFlight(peer: Peer, timeoutMs: number): CallsInFlight {
  // Places, and no Set: the tables that a Set has left behind, and V8 has not collected yet, hold on to what was in it,
  // so that each call would outlive its batch.
  const calls: (CallInFlight | null)[] = [];
  const freePlaces: number[] = [];
  /** One for each batch in work. */
  let watched: Watched[] = [];
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    timer = undefined;
    const now = performance.now();
    let next = Infinity;
    for (const call of calls) {
      if (call === null) continue;
      if (call.deadline <= now) call.giveUp(createTimeoutFault(peer, timeoutMs));
      else next = Math.min(next, call.deadline);
    }
    if (timer === undefined && next < Infinity) lookIn(next - now);
  }
  /** What is out keeps the process, not the timer. */
  function lookIn(ms: number): void {
    timer = setTimeout(look, Math.ceil(ms)).unref();
  }

  function watch(signal: AbortSignal): Watched {
    const leave = onAbort(signal, () => {
      for (const call of calls) if (call?.signal === signal) call.giveUp(createAbortedFault());
    });
    const added = { signal, leave, calls: 0 };
    watched.push(added);
    return added;
  }
  function find(signal: AbortSignal): Watched | undefined {
    for (const each of watched) if (each.signal === signal) return each;
    return undefined;
  }

  return {
    enter(call) {
      call.deadline = performance.now() + timeoutMs;
      call.place = freePlaces.pop() ?? calls.length;
      calls[call.place] = call;
      if (timer === undefined) lookIn(timeoutMs);
      if (call.signal !== undefined) (find(call.signal) ?? watch(call.signal)).calls += 1;
    },
    leave(call) {
      if (call.place < 0) return;
      calls[call.place] = null;
      freePlaces.push(call.place);
      call.place = -1;
      const from = call.signal && find(call.signal);
      if (from === undefined) return;
      from.calls -= 1;
      if (from.calls > 0) return;
      from.leave();
      watched = watched.filter((each) => each !== from);
    },
  };
}
