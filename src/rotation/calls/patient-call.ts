import { backoffMs, sleep, type BackoffOptions } from '../backoff.ts';
import { asFault, Fault } from '../faults.ts';
import type { KeyService } from '../ports/key-service.ts';
import type { CallHealth } from './call-health.ts';
import type { Lane, Lanes } from './lanes.ts';
import type { Pacer } from './pacer.ts';

/** How long a record waits for a KMS that answers nobody, before its batch is handed back. */
const outagePatienceMs = 30_000;
/** What a 429 without Retry-After asks for. */
const throttlePauseMs = 1000;
/**
 * A call of several items is parted after this many failures that are its own: one item may spoil it for all.
 */
const failuresBeforeParting = 2;

export interface CallDeps {
  readonly keyService: KeyService;
  readonly pacer: Pacer;
  readonly health: CallHealth;
  /** Bound the calls in flight of this process. */
  readonly lanes: Lanes;
  readonly retry: BackoffOptions & { readonly attempts: number };
  readonly onFault: (fault: Fault) => void;
  /** What the pace counts: each call as one, or as many as it has items. */
  readonly rateUnit: 'calls' | 'items';
}

/** `refused`: the record's own fault, with the number of calls that were made for it. */
export type CallOutcome<Reply> =
  | { readonly kind: 'reply'; readonly reply: Reply; readonly calls: number }
  | { readonly kind: 'refused'; readonly fault: Fault; readonly calls: number };

/** One call: what the KMS is asked, and the key version that it shall come under. */
export interface Call<Item, Reply> {
  /** At most what the key service takes in a call. */
  readonly items: readonly Item[];
  /** One attempt. A fault of class `record` stays with its item. */
  readonly send: (items: readonly Item[], signal: AbortSignal) => Promise<(Reply | Fault)[]>;
  /** Throws where what came cannot be the reply to them. */
  readonly check?: (items: readonly Item[], results: readonly (Reply | Fault)[]) => void;
  readonly target: { readonly keyId: string; readonly versionId: string };
}

/**
 * One call, tried again while the KMS has a passing trouble; the outcomes are aligned with its items. An
 * attempt is held against the items only if the KMS answered others meanwhile; where nobody else is calling,
 * a probe of the target key stands in for them. A call of several items that is at fault is parted, down to
 * the item. Throws rotation faults at once, and the transient fault of an outage that lasts, or `ABORTED`.
 */
export async function callPatiently<Item, Reply>(
  deps: CallDeps,
  call: Call<Item, Reply>,
  lane: Lane,
): Promise<CallOutcome<Reply>[]> {
  const { health, retry } = deps;
  const { items } = call;
  const { signal } = lane;
  const attempts = items.length > 1 ? failuresBeforeParting : retry.attempts;
  let answeredAt = performance.now();
  let blamable = 0;
  for (let calls = 1; ; calls += 1) {
    const successesBefore = health.successes();
    const first = calls === 1;
    try {
      const wait = slotFor(deps, items.length, signal);
      if (wait !== null) await wait;
      const results = await call.send(items, signal);
      if (results.length !== items.length) throw unaligned();
      call.check?.(items, results);
      health.succeeded(first);
      return results.map((result) =>
        result instanceof Fault
          ? { kind: 'refused', fault: result, calls }
          : { kind: 'reply', reply: result, calls },
      );
    } catch (error) {
      const fault = asFault(error);
      // The items of a call are refused as a whole: it is too large, or one of them is not fit to be sent.
      if (fault.faultClass === 'record') return blame(deps, call, fault, calls, lane);
      if (fault.faultClass !== 'transient' || signal.aborted) throw fault;
      deps.onFault(fault);
      if (fault.throttled) {
        answeredAt = performance.now();
        await deps.pacer.penalize(fault.retryAfterMs ?? throttlePauseMs).catch(deps.onFault);
      } else {
        health.failed(first);
        if (health.successes() > successesBefore || (await probe(deps, call.target, signal))) {
          answeredAt = performance.now();
          blamable += 1;
          if (health.blamesRecord(blamable, attempts)) return blame(deps, call, fault, calls, lane);
        }
      }
      if (performance.now() - answeredAt > outagePatienceMs) throw fault;
      const restMs = Math.max(fault.retryAfterMs ?? 0, backoffMs(calls, retry));
      await lane.leaveFor(() => sleep(restMs, signal));
    }
  }
}

/** As `callPatiently`, for a call of one item. */
export async function callForOne<Reply>(
  deps: CallDeps,
  target: Call<unknown, Reply>['target'],
  send: () => Promise<Reply>,
  lane: Lane,
): Promise<CallOutcome<Reply>> {
  const call = { items: [null], send: async (): Promise<Reply[]> => [await send()], target };
  const [outcome] = await callPatiently<null, Reply>(deps, call, lane);
  return outcome ?? { kind: 'refused', fault: unaligned(), calls: 0 };
}

/** The one item is refused; of several each half is called for by itself. */
async function blame<Item, Reply>(
  deps: CallDeps,
  call: Call<Item, Reply>,
  fault: Fault,
  calls: number,
  lane: Lane,
): Promise<CallOutcome<Reply>[]> {
  const { items } = call;
  if (items.length === 1) return [{ kind: 'refused', fault, calls }];
  const half = Math.ceil(items.length / 2);
  const parts = [items.slice(0, half), items.slice(half)];
  const outcomes = await lane.leaveFor(() =>
    Promise.all(
      parts.map((part) =>
        deps.lanes.inLane(lane.signal, (own) => callPatiently(deps, { ...call, items: part }, own)),
      ),
    ),
  );
  return outcomes.flat();
}

/** Whether the KMS can encrypt under the pin at all, when no other call tells. */
async function probe(
  deps: CallDeps,
  { keyId, versionId }: Call<unknown, unknown>['target'],
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await slotFor(deps, 1, signal);
    await deps.keyService.currentVersion(keyId, versionId);
    deps.health.succeeded(true);
    return true;
  } catch (error) {
    const fault = asFault(error);
    if (fault.faultClass !== 'transient' || signal.aborted) throw fault;
    deps.onFault(fault);
    // As a success counts, so does this: else the probes of a lone record would paint a brown-out as health.
    if (!fault.throttled) deps.health.failed(true);
    return false;
  }
}

/** As the pacer's `slot`, for a call of so many items. */
function slotFor({ pacer, rateUnit }: CallDeps, items: number, signal: AbortSignal): Promise<void> | null {
  return pacer.slot(signal, rateUnit === 'items' ? items : 1);
}

function unaligned(): Fault {
  return new Fault(
    'transient',
    'BAD_REPLY',
    'KMS replied with another number of results than it was asked for',
    {
      peer: 'kms',
    },
  );
}
