import { censusLivesMs } from '../../src/broker/census-row.ts';
import { formatBatch } from '../../src/broker/ledger-row.ts';
import type { Batch } from '../../src/rotation/batch.ts';
import type {
  CensusLedger,
  CensusPlan,
  CensusSnapshot,
  CensusTally,
} from '../../src/rotation/ports/census-ledger.ts';
import type { Cursor } from '../../src/rotation/record.ts';

interface Census {
  readonly id: string;
  readonly plan: CensusPlan;
  readonly startedAt: number;
  readonly batches: Batch[];
  readonly settled: Map<number, CensusTally>;
  cursor: Cursor | null;
  scanned: boolean;
  closed: boolean;
  readAt: string | null;
}

/** As `createMemoryLedger`, for the ledger of a census. */
export function createMemoryCensusLedger(now = Date.now): CensusLedger {
  let census: Census | null = null;
  const current = (id: string): Census | null => (census?.id === id ? census : null);
  const time = (): string => new Date(now()).toISOString();

  function stands(of: Census, plan: CensusPlan): boolean {
    const same =
      of.plan.pin.keyId === plan.pin.keyId &&
      of.plan.pin.versionId === plan.pin.versionId &&
      of.plan.planDigest === plan.planDigest &&
      of.plan.pass === plan.pass;
    return same && !of.closed && now() - of.startedAt < censusLivesMs;
  }

  return {
    async open(id, plan) {
      if (census === null || (census.id !== id && !stands(census, plan))) {
        const nothing = { batches: [], settled: new Map(), cursor: null, scanned: false };
        census = { id, plan, startedAt: now(), ...nothing, closed: false, readAt: null };
      }
      return snapshotOf(census);
    },
    snapshot: async () => (census === null ? null : snapshotOf(census)),
    async position(id) {
      const of = current(id);
      if (of === null) return null;
      const { batches, cursor, scanned } = of;
      return { cursor, scanned, nextBatch: batches.length, staged: batches.at(-1) ?? null };
    },
    async stage({ batch, cursor }) {
      const of = current(batch.epoch);
      if (of === null) return false;
      const last = of.batches.at(-1);
      if (last?.number === batch.number && formatBatch(last) === formatBatch(batch)) return true;
      if (batch.number !== of.batches.length || of.scanned) return false;
      of.batches.push(batch);
      of.cursor = cursor ?? of.cursor;
      return true;
    },
    async completeScan(id) {
      const of = current(id);
      if (of === null) return false;
      if (!of.scanned) of.readAt = time();
      of.scanned = true;
      return true;
    },
    async settle(id, batch, tally) {
      const of = current(id);
      if (of === null) return false;
      if (batch < of.batches.length && !of.settled.has(batch)) {
        of.settled.set(batch, tally);
        of.readAt = time();
      }
      return true;
    },
    async close(id) {
      const of = current(id);
      if (of !== null) of.closed = true;
    },
  };
}

function snapshotOf({ id, plan, startedAt, batches, settled, scanned, readAt }: Census): CensusSnapshot {
  const { pin, deep, planDigest } = plan;
  const tallies = [...settled.values()];
  const byVersion = new Map<string, number>();
  for (const [version, records] of tallies.flatMap((each) => Object.entries(each.byVersion)))
    byVersion.set(version, (byVersion.get(version) ?? 0) + records);
  const sum = (of: (tally: CensusTally) => number): number =>
    tallies.reduce((all, tally) => all + of(tally), 0);
  return {
    id,
    pin,
    deep,
    planDigest,
    scanned,
    readAt,
    enqueued: batches.reduce((all, { refs }) => all + refs.length, 0),
    batches: batches.length,
    settledBatches: settled.size,
    tally: {
      records: sum(({ records }) => records),
      byVersion: Object.fromEntries(byVersion),
      unreadable: sum(({ unreadable }) => unreadable),
      byHeader: sum(({ byHeader }) => byHeader),
      contradicted: sum(({ contradicted }) => contradicted),
    },
    startedAt: new Date(startedAt).toISOString(),
  };
}
