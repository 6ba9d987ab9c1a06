import { backoffMs, sleep } from '../rotation/backoff.ts';
import type { Batch, BatchProgress } from '../rotation/batch.ts';
import type { CallDeps } from '../rotation/calls/patient-call.ts';
import { asFault, Fault } from '../rotation/faults.ts';
import type { Format } from '../rotation/formats/format.ts';
import type { Goal } from '../rotation/goal.ts';
import { isOnPinOffline } from '../rotation/offline-version.ts';
import { patiently } from '../rotation/patience.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import { replacementOf, type Replacement, type StoredRecord } from '../rotation/record.ts';
import { openAccount, type BatchAccount } from './account.ts';
import { isSame, rewrapRecords, type Rewrap } from './rewrap.ts';

/** A record that the application keeps changing, or keeps locked, is left for later after this many tries. */
const rounds = 5;
const betweenRounds = { initialMs: 50, maxMs: 1000 };
/** How long an outage of the store is waited for before the batch is handed back. */
const storePatienceMs = 30_000;

export interface BatchDeps {
  readonly store: RecordStore;
  readonly format: Format;
  readonly goal: Goal;
  readonly calls: CallDeps;
}

/** The books after the batch was worked, and what stopped it where references are left. */
export interface BatchResult {
  readonly account: BatchAccount;
  readonly stoppedBy: Fault | null;
}

/**
 * The way of every record: read, skip what is under the pin, re-encrypt, replace by compare-and-swap; where
 * that lost, read again. Never throws: what could not be done now is left in the account.
 */
export async function processBatch(
  batch: Batch,
  earlier: BatchProgress | null,
  deps: BatchDeps,
  signal: AbortSignal,
): Promise<BatchResult> {
  const account = openAccount(batch.refs, earlier);
  const onFault = deps.calls.onFault;
  /** What was written or tried to be, by reference: a lost reply or a lock must not cost a second call. */
  const rewraps = new Map<string, Rewrap>();
  let stoppedBy: Fault | null = null;
  try {
    for (let round = 1; account.left.size > 0 && stoppedBy === null && !signal.aborted; round += 1) {
      const records = await patiently({ signal, patienceMs: storePatienceMs, onFault }, () =>
        deps.store.read([...account.left]),
      );
      settleMissing(account, records);
      const open = records.filter((record) => !settleOffline(batch, record, rewraps, deps, account));
      stoppedBy = await rewrapRecords(open, rewraps, deps, account, signal);
      const changes = changesOf(open, rewraps, deps.goal, account);
      // Also after a stop: the calls are made and paid for.
      await replaceRecords(changes, deps, account);
      if (round === rounds && account.left.size > 0) stoppedBy ??= contended();
      if (account.left.size > 0 && stoppedBy === null) await sleep(backoffMs(round, betweenRounds), signal);
    }
  } catch (error) {
    stoppedBy = asFault(error);
  }
  return { account, stoppedBy };
}

function settleMissing(account: BatchAccount, records: readonly StoredRecord[]): void {
  const present = new Set(records.map((record) => record.ref));
  for (const ref of account.left) if (!present.has(ref)) account.settle(ref, 'missing');
}

/** Settles a record without a call, where what was read shows it to be under the pin. */
function settleOffline(
  batch: Batch,
  record: StoredRecord,
  rewraps: ReadonlyMap<string, Rewrap>,
  { format, goal, calls }: BatchDeps,
  account: BatchAccount,
): boolean {
  // Our own write, whose reply was lost.
  if (isSame(rewraps.get(record.ref)?.newValue, record.value)) {
    account.settle(record.ref, 'rotated');
    return true;
  }
  try {
    const header = calls.keyService.readVersion(format.open(record.value).ciphertext);
    // A census has shown the store's note of a late writer's record to be wrong.
    const heard = batch.late ? { ...record, keyVersion: null } : record;
    if (!isOnPinOffline(goal, heard, header)) return false;
    account.settle(record.ref, 'skipped');
  } catch (error) {
    account.setAside(record.ref, asFault(error), 0);
  }
  return true;
}

function changesOf(
  records: readonly StoredRecord[],
  rewraps: ReadonlyMap<string, Rewrap>,
  goal: Goal,
  account: BatchAccount,
): Replacement[] {
  return records.flatMap((record) => {
    const rewrap = rewraps.get(record.ref);
    if (rewrap === undefined || !account.left.has(record.ref)) return [];
    return [replacementOf(record, rewrap.newValue, goal.versionId)];
  });
}

async function replaceRecords(
  changes: readonly Replacement[],
  { store, calls }: BatchDeps,
  account: BatchAccount,
): Promise<void> {
  if (changes.length === 0) return;
  let outcomes;
  try {
    outcomes = await store.replace(changes);
  } catch (error) {
    const fault = asFault(error);
    if (fault.faultClass !== 'transient') throw fault;
    calls.onFault(fault);
    // Any part of it may have been written: only reading again tells, in the next round.
    return;
  }
  outcomes.forEach((outcome, index) => {
    const ref = changes[index]?.ref;
    if (ref === undefined) return;
    if (outcome instanceof Fault) account.setAside(ref, outcome, 1);
    else if (outcome === 'replaced') account.settle(ref, 'rotated');
    else account.conflict();
  });
}

function contended(): Fault {
  return new Fault(
    'transient',
    'CONTENDED',
    'records kept changing or stayed locked; they come again later',
    {
      peer: 'store',
    },
  );
}
