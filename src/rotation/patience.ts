import { backoffMs, sleep } from './backoff.ts';
import { asFault, type Fault } from './faults.ts';

export interface Patience {
  readonly signal: AbortSignal;
  /** How long an outage is waited for; Infinity = until `signal` aborts. */
  readonly patienceMs: number;
  /** Told of each fault that is waited out. */
  readonly onFault: (fault: Fault) => void;
}

const betweenTries = { initialMs: 100, maxMs: 5000 };

/**
 * Tries `step` until it succeeds, while its faults are transient, the patience lasts and nobody stops us.
 * Throws the last fault. For stores and brokers, where the outage is nobody's fault in particular; calls of
 * the KMS are judged one by one (`calls/patient-call.ts`).
 */
export async function patiently<T>(patience: Patience, step: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  for (let failures = 1; ; failures += 1) {
    try {
      return await step();
    } catch (error) {
      const fault = asFault(error);
      const over = performance.now() - startedAt >= patience.patienceMs;
      if (fault.faultClass !== 'transient' || over || patience.signal.aborted) throw fault;
      patience.onFault(fault);
      await sleep(Math.max(fault.retryAfterMs ?? 0, backoffMs(failures, betweenTries)), patience.signal);
    }
  }
}
