import { randomUUID } from 'node:crypto';
import { sleep } from '../rotation/backoff.ts';
import { Fault } from '../rotation/faults.ts';
import type { BatchQueue } from '../rotation/ports/batch-queue.ts';
import type { Ledger, LedgerSnapshot, Pin } from '../rotation/ports/ledger.ts';
import { describeDifference, type PlanParts } from '../rotation/plan-parts.ts';
import { mayTransition } from '../rotation/state.ts';

/** A queue that stays empty over this many looks has lost the batches that are not settled. */
const looksAtEmptyQueue = 4;
const betweenLooksMs = 500;

export interface OpenPassDeps {
  readonly ledger: Ledger;
  readonly queue: BatchQueue;
  /** Digest of source, target, store and format in the config. */
  readonly planDigest: string;
  readonly planParts: PlanParts;
  /** Learns the target's version to end on; called only when a pass begins. */
  readonly choosePin: () => Promise<Pin>;
  readonly countRecords: () => Promise<number>;
}

/**
 * A pass to enqueue: `begun` now, `resumed` where it stood,
 * or `restarted` as the broker has lost batches of it.
 */
export interface OpenedPass {
  readonly snapshot: LedgerSnapshot;
  readonly how: 'begun' | 'resumed' | 'restarted';
}

/** Opens the pass that `enqueue` and `run` work on: the one under way, or a new one over the whole store. */
export async function openPass(deps: OpenPassDeps, signal: AbortSignal): Promise<OpenedPass> {
  const before = await deps.ledger.snapshot();
  if (mayTransition(before.state, 'begin')) {
    const begun = await deps.ledger.begin(await newPass(deps, null));
    // Another producer may have begun at the same time: its pass is as good as ours.
    return { snapshot: await deps.ledger.snapshot(), how: begun ? 'begun' : 'resumed' };
  }
  return resumePass(deps, before, signal);
}

/** The pass under way, or where the broker has lost batches of it, another one in its place; never a new one. */
export async function resumePass(
  deps: OpenPassDeps,
  before: LedgerSnapshot,
  signal: AbortSignal,
): Promise<OpenedPass> {
  if (before.planDigest !== deps.planDigest) throw planChanged(before, deps.planParts);
  if (before.epoch !== null && (await hasLostBatches(deps, signal))) {
    const restarted = await deps.ledger.restart(before.epoch, await newPass(deps, before.pin));
    return { snapshot: await deps.ledger.snapshot(), how: restarted ? 'restarted' : 'resumed' };
  }
  return { snapshot: before, how: 'resumed' };
}

async function newPass(
  { planDigest, planParts, choosePin, countRecords }: OpenPassDeps,
  pin: Pin | null,
): Promise<Parameters<Ledger['begin']>[0]> {
  const chosen = pin ?? (await choosePin());
  return { epoch: randomUUID(), pin: chosen, planDigest, planParts, estimate: await countRecords() };
}

/**
 * All is enqueued, not all is settled, and the queue holds nothing: a broker that lost data. Where it is the
 * last staged batch alone, whoever staged it died before it was added: it is added now, and nothing is lost.
 */
export async function hasLostBatches(
  { ledger, queue }: Pick<OpenPassDeps, 'ledger' | 'queue'>,
  signal: AbortSignal,
): Promise<boolean> {
  for (let look = 1; look <= looksAtEmptyQueue; look += 1) {
    if (look > 1) await sleep(betweenLooksMs, signal);
    if (signal.aborted) return false;
    const [snapshot, depth] = [await ledger.snapshot(), await queue.depth()];
    const open =
      snapshot.state === 'running' && snapshot.scanned && snapshot.settledBatches < snapshot.batches;
    if (!open || depth > 0) return false;
  }
  return !(await addOnlyMissingBatch({ ledger, queue }));
}

async function addOnlyMissingBatch({
  ledger,
  queue,
}: Pick<OpenPassDeps, 'ledger' | 'queue'>): Promise<boolean> {
  const { epoch, batches, settledBatches } = await ledger.snapshot();
  if (epoch === null || batches - settledBatches !== 1) return false;
  const position = await ledger.position(epoch);
  if (position === null || position.staged === null) return false;
  await queue.add([position.staged]);
  return true;
}

function planChanged({ pass, pin, planParts, state }: LedgerSnapshot, now: PlanParts): Fault {
  return new Fault(
    'usage',
    'PLAN_CHANGED',
    `the config differs in ${describeDifference(planParts, now)} from the one that pass ${pass} began with, ` +
      `and the pass, to version ${pin?.versionId ?? ''} of key ${pin?.keyId ?? ''}, is ${state}; ` +
      "restore what differs, or 'keyturn cancel' the pass and begin anew, or choose another rotation name",
  );
}
