import type { LimitFunction } from 'p-limit';
import { backoffMs, sleep, type BackoffOptions } from '../backoff.ts';
import { asFault, Fault } from '../faults.ts';
import type { KeyService, ReEncrypted, ReEncryptItem } from '../ports/key-service.ts';
import type { CallHealth } from './call-health.ts';
import type { Pacer } from './pacer.ts';

/** How long a record waits for a KMS that answers nobody, before its batch is handed back. */
const outagePatienceMs = 30_000;
/** What a 429 without Retry-After asks for. */
const throttlePauseMs = 1000;

export interface CallDeps {
  readonly keyService: KeyService;
  readonly pacer: Pacer;
  readonly health: CallHealth;
  /** Bounds the calls in flight of this process. */
  readonly limit: LimitFunction;
  readonly retry: BackoffOptions & { readonly attempts: number };
  readonly onFault: (fault: Fault) => void;
}

/** `refused`: the record's own fault, with the number of calls that were made for it. */
export type CallOutcome =
  | { readonly kind: 'reply'; readonly reply: ReEncrypted; readonly calls: number }
  | { readonly kind: 'refused'; readonly fault: Fault; readonly calls: number };

/**
 * One re-encryption, tried again while the KMS has a passing trouble. An attempt is held against the record
 * only if the KMS answered others meanwhile; where nobody else is calling, a probe of the target key stands
 * in for them. Throws rotation faults at once, and the transient fault of an outage that lasts, or `ABORTED`.
 */
export async function callPatiently(
  deps: CallDeps,
  item: ReEncryptItem,
  signal: AbortSignal,
): Promise<CallOutcome> {
  const { health, keyService, retry } = deps;
  let answeredAt = performance.now();
  let blamable = 0;
  for (let calls = 1; ; calls += 1) {
    const successesBefore = health.successes();
    const first = calls === 1;
    try {
      const [result] = await paced(deps, signal, () => keyService.reEncrypt([item], signal));
      if (result === undefined) throw new Fault('transient', 'BAD_REPLY', 'KMS replied without a result');
      health.succeeded(first);
      return result instanceof Fault
        ? { kind: 'refused', fault: result, calls }
        : { kind: 'reply', reply: result, calls };
    } catch (error) {
      const fault = asFault(error);
      if (fault.faultClass === 'record') return { kind: 'refused', fault, calls };
      if (fault.faultClass !== 'transient' || signal.aborted) throw fault;
      deps.onFault(fault);
      if (fault.throttled) {
        answeredAt = performance.now();
        await deps.pacer.penalize(fault.retryAfterMs ?? throttlePauseMs).catch(deps.onFault);
      } else {
        health.failed(first);
        if (health.successes() > successesBefore || (await probe(deps, item, signal))) {
          answeredAt = performance.now();
          blamable += 1;
          if (health.blamesRecord(blamable, retry.attempts)) return { kind: 'refused', fault, calls };
        }
      }
      if (performance.now() - answeredAt > outagePatienceMs) throw fault;
      await sleep(Math.max(fault.retryAfterMs ?? 0, backoffMs(calls, retry)), signal);
    }
  }
}

/** Whether the KMS can encrypt under the pin at all, when no other call tells. */
async function probe(deps: CallDeps, item: ReEncryptItem, signal: AbortSignal): Promise<boolean> {
  try {
    await paced(deps, signal, () => deps.keyService.currentVersion(item.keyId, item.versionId));
    deps.health.succeeded(true);
    return true;
  } catch (error) {
    const fault = asFault(error);
    if (fault.faultClass !== 'transient' || signal.aborted) throw fault;
    deps.onFault(fault);
    return false;
  }
}

/** A call at its time, within the bound of calls in flight. */
function paced<T>({ limit, pacer }: CallDeps, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  return limit(async () => {
    await pacer.slot(signal);
    return call();
  });
}
