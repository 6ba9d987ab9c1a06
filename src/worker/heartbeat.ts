import { sleep } from '../rotation/backoff.ts';
import { asFault, type Fault } from '../rotation/faults.ts';
import type { LedgerSnapshot } from '../rotation/ports/ledger.ts';

/** Four times as often as a pause, a cancel or a rate must bite. */
const beatMs = 500;
/**
 * Without the broker for this long a worker stops calling the KMS: before the locks of its batches end, which last 12 s
 * and are renewed every 6 s.
 */
const cutOffMs = 5000;
const windowMs = 10_000;

interface Counters {
  readonly calls: number;
  readonly records: number;
}

/** Over the last ten seconds. */
export interface Rates {
  readonly callsPerSecond: number;
  readonly recordsPerSecond: number;
}

export interface HeartbeatDeps {
  readonly beat: (rates: Rates) => Promise<LedgerSnapshot>;
  readonly counters: () => Counters;
  readonly onBeat: (snapshot: LedgerSnapshot) => void;
  readonly onFault: (fault: Fault) => void;
  /** The broker has not answered for five seconds; told once, until it answers again. */
  readonly onCutOff: () => void;
}

export interface Heartbeat {
  readonly last: () => LedgerSnapshot | null;
  stop(): void;
}

/** Tells the ledger twice a second that this worker lives, and learns the rotation's state from it. */
export function startHeartbeat(deps: HeartbeatDeps): Heartbeat {
  const stopped = new AbortController();
  const samples: (Counters & { at: number })[] = [];
  let last: LedgerSnapshot | null = null;
  let answeredAt = performance.now();
  let cutOff = false;

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      try {
        last = await deps.beat(rates());
        answeredAt = performance.now();
        cutOff = false;
        if (!stopped.signal.aborted) deps.onBeat(last);
      } catch (error) {
        deps.onFault(asFault(error));
      }
      await sleep(beatMs, stopped.signal);
    }
  }

  /** Beside the beats: one to a dead broker may take longer to fail than the lock of a batch lasts. */
  function watch(): void {
    if (cutOff || performance.now() - answeredAt <= cutOffMs) return;
    cutOff = true;
    deps.onCutOff();
  }

  function rates(): Rates {
    const now = { at: performance.now(), ...deps.counters() };
    samples.push(now);
    const first = samples.find(({ at }) => at >= now.at - windowMs) ?? now;
    samples.splice(0, samples.indexOf(first));
    const seconds = Math.max(now.at - first.at, 1) / 1000;
    return {
      callsPerSecond: (now.calls - first.calls) / seconds,
      recordsPerSecond: (now.records - first.records) / seconds,
    };
  }

  void run();
  const watching = setInterval(watch, beatMs);
  return {
    last: () => last,
    stop() {
      stopped.abort();
      clearInterval(watching);
    },
  };
}
