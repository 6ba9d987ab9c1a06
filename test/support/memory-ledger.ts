import { formatBatch, nameCounts, namedCounts } from '../../src/broker/ledger-row.ts';
import {
  emptyTally,
  type Batch,
  type RecordFailure,
  type SourceVersions,
  type Tally,
} from '../../src/rotation/batch.ts';
import type { BeginPass, Ledger, LedgerSnapshot, PauseCause } from '../../src/rotation/ports/ledger.ts';
import type { Cursor, Ref } from '../../src/rotation/record.ts';
import { mayPutBack, mayTransition, transitions, type RotationEvent } from '../../src/rotation/state.ts';
import { newSnapshot } from './new-snapshot.ts';

const liveForMs = 5000;

export interface MemoryLedger extends Ledger {
  /** The batches of the current pass, by number. */
  readonly staged: () => readonly Batch[];
}

interface Pass extends BeginPass {
  readonly number: number;
  readonly startedAt: string;
  readonly batches: Batch[];
  readonly settled: Set<number>;
  readonly failures: Map<Ref, RecordFailure>;
  readonly before: Map<string, number>;
  cursor: Cursor | null;
  scanned: boolean;
  enqueued: number;
  acceptedFailures: number;
  tally: Omit<Tally, 'failed'>;
}

/**
 * The port's words in memory, each method one step. It is the model that the real ledgers are held against, so
 * it is written for reading.
 */
export function createMemoryLedger(now = Date.now): MemoryLedger {
  let state = newSnapshot.state;
  let pass: Pass | null = null;
  let paused: { cause: PauseCause; reason: string } | null = null;
  let finishedAt: string | null = null;
  const workers = new Map<string, { at: number; callsPerSecond: number; recordsPerSecond: number }>();

  const time = (): string => new Date(now()).toISOString();
  const may = (event: RotationEvent): boolean => mayTransition(state, event);
  const current = (epoch: string): Pass | null => (pass?.epoch === epoch ? pass : null);

  function move(event: RotationEvent): boolean {
    if (!may(event)) return false;
    state = transitions[event].to;
    paused = null;
    finishedAt = event === 'finish' ? time() : null;
    return true;
  }

  function finishIfSettled({ scanned, settled, batches }: Pass): void {
    if (scanned && settled.size === batches.length) move('finish');
  }

  function open(begin: BeginPass): boolean {
    pass = {
      ...begin,
      number: (pass?.number ?? 0) + 1,
      startedAt: time(),
      batches: [],
      settled: new Set(),
      failures: new Map(),
      before: new Map(),
      cursor: null,
      scanned: false,
      enqueued: 0,
      acceptedFailures: 0,
      tally: emptyTally,
    };
    return move(may('begin') ? 'begin' : 'restart');
  }

  /** Null where the batch is the last one again, as after a lost reply; false where it is out of turn. */
  function isNext({ batches }: Pass, batch: Batch): boolean | null {
    const last = batches.at(-1);
    if (last?.number === batch.number && formatBatch(last) === formatBatch(batch)) return null;
    return batch.number === batches.length;
  }

  function snapshotOf({ number, settled, failures, tally, before, batches, ...rest }: Pass): LedgerSnapshot {
    const { acceptedFailures, epoch, pin, planDigest, planParts, estimate, enqueued, scanned, startedAt } =
      rest;
    return {
      epoch,
      pin,
      planDigest,
      planParts,
      estimate,
      enqueued,
      scanned,
      startedAt,
      finishedAt,
      state,
      pass: number,
      batches: batches.length,
      settledBatches: settled.size,
      tally: { ...tally, failed: failures.size },
      acceptedFailures,
      before: Object.fromEntries(before),
      reason: paused?.reason ?? null,
      pauseCause: paused?.cause ?? null,
    };
  }

  const ledger: MemoryLedger = {
    staged: () => pass?.batches ?? [],
    snapshot: async () => (pass === null ? newSnapshot : snapshotOf(pass)),
    begin: async (begin) => current(begin.epoch) !== null || (may('begin') && open(begin)),
    restart: async (lost, begin) =>
      current(begin.epoch) !== null || (may('restart') && current(lost) !== null && open(begin)),
    async position(epoch) {
      const of = current(epoch);
      if (of === null) return null;
      const { batches, cursor, scanned, settled } = of;
      const last = batches.at(-1);
      const staged = last === undefined || settled.has(last.number) ? null : last;
      return { cursor, scanned, nextBatch: batches.length, staged };
    },
    async stage({ batch, cursor }) {
      const of = current(batch.epoch);
      if (of === null) return false;
      const next = isNext(of, batch);
      if (next === null) return true;
      // A pass takes batches as long as it can still be cancelled.
      if (!next || !may('cancel')) return false;
      of.batches.push(batch);
      of.enqueued += batch.refs.length;
      of.cursor = cursor ?? of.cursor;
      return true;
    },
    async completeScan(epoch) {
      const of = current(epoch);
      if (of === null) return false;
      of.scanned = true;
      finishIfSettled(of);
      return true;
    },
    async extend(epoch) {
      const of = current(epoch);
      if (of === null || !move('extend')) return false;
      of.scanned = false;
      return true;
    },
    async settle(epoch, batch, { rotated, skipped, missing, conflicts }, failures, before) {
      const of = current(epoch);
      if (of === null) return null;
      if (batch < of.batches.length && !of.settled.has(batch)) {
        of.settled.add(batch);
        const { tally } = of;
        of.tally = {
          rotated: tally.rotated + rotated,
          skipped: tally.skipped + skipped,
          missing: tally.missing + missing,
          conflicts: tally.conflicts + conflicts,
        };
        for (const failure of failures) {
          if (of.failures.has(failure.ref)) of.enqueued -= 1;
          of.failures.set(failure.ref, failure);
        }
        countVersions(of.before, before);
        finishIfSettled(of);
      }
      return snapshotOf(of);
    },
    async putBack(batch) {
      const of = current(batch.epoch);
      if (of === null) return false;
      const next = isNext(of, batch);
      if (next === null) return true;
      if (!next || !mayPutBack(state) || !batch.refs.every((ref) => of.failures.has(ref))) return false;
      for (const ref of batch.refs) of.failures.delete(ref);
      of.acceptedFailures = Math.min(of.acceptedFailures, of.failures.size);
      of.batches.push(batch);
      move('extend');
      return true;
    },
    async pause(cause, reason) {
      if (!move('pause')) return false;
      paused = { cause, reason };
      return true;
    },
    async resume() {
      const cause = paused?.cause;
      if (!move('resume')) return false;
      if (pass === null) return true;
      if (cause === 'failures') pass.acceptedFailures = pass.failures.size;
      finishIfSettled(pass);
      return true;
    },
    cancel: async () => move('cancel'),
    failures: async (after, limit) =>
      [...(pass?.failures.values() ?? [])]
        .filter(({ ref }) => after === null || compareBytes(ref, after) > 0)
        .toSorted((a, b) => compareBytes(a.ref, b.ref))
        .slice(0, limit),
    async failureCodes() {
      const counts = new Map<string, number>();
      for (const { code } of pass?.failures.values() ?? []) counts.set(code, (counts.get(code) ?? 0) + 1);
      return nameCounts([...counts]);
    },
    failedAmong: async (refs) => new Set(refs.filter((ref) => pass?.failures.has(ref))),
    async report({ workerId, ...rates }) {
      workers.set(workerId, { at: now(), ...rates });
      return ledger.snapshot();
    },
    async workers() {
      const alive = [...workers.values()].filter(({ at }) => at >= now() - liveForMs);
      return {
        alive: alive.length,
        callsPerSecond: alive.reduce((sum, each) => sum + each.callsPerSecond, 0),
        recordsPerSecond: alive.reduce((sum, each) => sum + each.recordsPerSecond, 0),
      };
    },
  };
  return ledger;
}

function countVersions(counts: Map<string, number>, found: SourceVersions): void {
  for (const [version, records] of Object.entries(found)) {
    const named = [...counts.keys()].filter((name) => name !== 'other').length;
    const name = counts.has(version) || named < namedCounts ? version : 'other';
    counts.set(name, (counts.get(name) ?? 0) + records);
  }
}

function compareBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
