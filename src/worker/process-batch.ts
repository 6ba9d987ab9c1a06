import { backoffMs, sleep } from '../rotation/backoff.ts';
import type { Batch, BatchProgress } from '../rotation/batch.ts';
import type { RenewValues } from '../rotation/calls/renewal.ts';
import { asFault, Fault } from '../rotation/faults.ts';
import type { Format } from '../rotation/formats/format.ts';
import type { Goal } from '../rotation/goal.ts';
import { isOnPinOffline } from '../rotation/offline-version.ts';
import { openRecord, type OpenRecord } from '../rotation/open-record.ts';
import { patiently } from '../rotation/patience.ts';
import type { KeyService } from '../rotation/ports/key-service.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import { replacementOf, type Ref, type Replacement, type StoredRecord } from '../rotation/record.ts';
import { openAccount, type BatchAccount } from './account.ts';
import { isSame, renewRecords, type Renewal } from './renew-records.ts';
import { verifyWrites, type VerifyDeps, type WriteCheck } from './verify-writes.ts';

/** A record that the application keeps changing, or keeps locked, is left for later after this many tries. */
const rounds = 5;
const betweenRounds = { initialMs: 50, maxMs: 1000 };
/** One to write it, and one that showed it. */
const callsOfUnreadable = 2;
/** How long an outage of the store is waited for before the batch is handed back. */
const storePatienceMs = 30_000;

export interface BatchDeps {
  readonly store: RecordStore;
  readonly format: Format;
  readonly goal: Goal;
  readonly keyService: Pick<KeyService, 'readVersion'>;
  readonly renewValues: RenewValues;
  readonly writeCheck: WriteCheck;
  readonly onFault: (fault: Fault) => void;
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
  const { onFault, store } = deps;
  const read = (refs: readonly Ref[]): Promise<StoredRecord[]> =>
    patiently({ signal, patienceMs: storePatienceMs, onFault }, () => store.read(refs));
  /** What was written or tried to be, by reference: a lost reply or a lock must not cost a second call. */
  const renewals = new Map<Ref, Renewal>();
  const settleWritten = (written: readonly Renewal[]): Promise<Fault | null> =>
    settleRenewed(written, { ...deps, read }, account, signal);
  let stoppedBy: Fault | null = null;
  try {
    for (let round = 1; account.left.size > 0 && stoppedBy === null && !signal.aborted; round += 1) {
      const records = await read([...account.left]);
      settleMissing(account, records);
      // Whose reply was lost.
      const ownWrites: Renewal[] = [];
      const open: OpenRecord[] = [];
      for (const record of records) {
        const renewal = renewals.get(record.ref);
        if (renewal !== undefined && isSame(renewal.newValue, record.value)) {
          ownWrites.push(renewal);
          continue;
        }
        const toRenew = settleOffline(batch, record, deps, account);
        if (toRenew !== null) open.push(toRenew);
      }
      stoppedBy = await settleWritten(ownWrites);
      stoppedBy ??= await renewRecords(open, renewals, deps, account, signal);
      // Also after a stop: the calls are made and paid for.
      const written = await replaceRecords(open, renewals, deps, account);
      stoppedBy = (await settleWritten(written)) ?? stoppedBy;
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

/** Settles a record without a call, where what was read shows it to be under the pin; else takes it apart. */
function settleOffline(
  batch: Batch,
  record: StoredRecord,
  { format, goal, keyService }: BatchDeps,
  account: BatchAccount,
): OpenRecord | null {
  try {
    const open = openRecord(format, record);
    // Of a record that a census found stale, or that failed, neither header nor note is believed again.
    if (batch.late || !isOnPinOffline(goal, open.opened, record.keyVersion, keyService)) return open;
    account.settle(record.ref, 'skipped');
  } catch (error) {
    account.setAside(record.ref, asFault(error), 0);
  }
  return null;
}

/** Returns what is now as it was to be. */
async function replaceRecords(
  records: readonly OpenRecord[],
  renewals: ReadonlyMap<Ref, Renewal>,
  { goal, store, onFault }: BatchDeps,
  account: BatchAccount,
): Promise<Renewal[]> {
  const renewed: Renewal[] = [];
  const changes: Replacement[] = [];
  for (const { record } of records) {
    const renewal = renewals.get(record.ref);
    if (renewal === undefined || !account.left.has(record.ref)) continue;
    renewed.push(renewal);
    changes.push(replacementOf(record, renewal.newValue, goal.versionId));
  }
  if (changes.length === 0) return [];
  let outcomes;
  try {
    outcomes = await store.replace(changes);
  } catch (error) {
    const fault = asFault(error);
    if (fault.faultClass !== 'transient') throw fault;
    onFault(fault);
    // Any part of it may have been written: only reading again tells, in the next round.
    return [];
  }
  const written: Renewal[] = [];
  outcomes.forEach((outcome, index) => {
    const renewal = renewed[index];
    if (renewal === undefined) return;
    if (outcome instanceof Fault) account.setAside(renewal.record.ref, outcome, 1);
    else if (outcome === 'replaced') written.push(renewal);
    else account.conflict();
  });
  return written;
}

/**
 * Counts what was written, but for what proves to be unreadable: that is set aside, and the fault returned that must
 * stop the rotation.
 */
async function settleRenewed(
  written: readonly Renewal[],
  deps: VerifyDeps,
  account: BatchAccount,
  signal: AbortSignal,
): Promise<Fault | null> {
  const { unreadable, stoppedBy } = await verifyWrites(written, deps, signal);
  for (const { record, sourceVersionId } of written) {
    const fault = unreadable.get(record.ref);
    if (fault === undefined) account.settleRotated(record.ref, sourceVersionId);
    else account.condemn(record.ref, fault, callsOfUnreadable);
  }
  return stoppedBy;
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
