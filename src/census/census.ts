import type { CallDeps } from '../rotation/calls/patient-call.ts';
import { reEncryptRecord } from '../rotation/calls/re-encrypt-record.ts';
import type { CensusCount } from '../rotation/certificate.ts';
import { asFault, Fault } from '../rotation/faults.ts';
import type { Format } from '../rotation/formats/format.ts';
import { expectReached, type Goal } from '../rotation/goal.ts';
import { patiently } from '../rotation/patience.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import type { Ref, StoredRecord } from '../rotation/record.ts';
import { createSample } from './sample.ts';
import { eitherSignal } from '../rotation/either-signal.ts';

/** Records whose header is checked by the KMS, at random over the whole store. */
const sampleSize = 200;
const pagesInWork = 2;

export interface CensusDeps {
  readonly store: RecordStore;
  readonly format: Format;
  readonly goal: Goal;
  readonly calls: CallDeps;
  readonly pageSize: number;
  /** Ask the KMS about every record, also where the header tells its version. */
  readonly deep: boolean;
  /** Told of each page's records that are not under the pin, or can't be opened. */
  readonly onStale: (refs: readonly Ref[]) => Promise<void>;
  readonly onProgress: (records: number) => void;
}

type Finding = { kind: 'version'; versionId: string; byHeader: boolean } | { kind: 'unreadable' };

/**
 * Reads every record of the store again and counts them by key version. Where a header does not tell, the KMS
 * does: it re-encrypts to the target and the result is thrown away; the version it opened is the proof.
 * Throws where a record could be neither counted nor called unreadable: half a census is none.
 */
export async function takeCensus(deps: CensusDeps, signal: AbortSignal): Promise<CensusCount> {
  const startedAt = new Date().toISOString();
  const byVersion = new Map<string, number>();
  const sample = createSample<StoredRecord>(sampleSize);
  let unreadable = 0;
  let records = 0;
  let byHeader = 0;

  async function countPage(refs: readonly Ref[]): Promise<void> {
    const page = await patiently({ signal, patienceMs: Infinity, onFault: deps.calls.onFault }, () =>
      deps.store.read(refs),
    );
    const findings = await findAll(deps, page, signal);
    const stale: Ref[] = [];
    page.forEach((record, index) => {
      const finding = findings[index];
      if (finding?.kind === 'version') {
        byVersion.set(finding.versionId, (byVersion.get(finding.versionId) ?? 0) + 1);
        if (finding.byHeader) {
          byHeader += 1;
          sample.offer(record);
        }
      } else {
        unreadable += 1;
      }
      if (finding?.kind !== 'version' || finding.versionId !== deps.goal.versionId) stale.push(record.ref);
    });
    records += page.length;
    if (stale.length > 0) await deps.onStale(stale);
    deps.onProgress(records);
  }

  const inWork = new Set<Promise<void>>();
  for await (const page of deps.store.scan(null, deps.pageSize, signal)) {
    const counted = countPage(page.refs);
    inWork.add(counted);
    // A rejection is met by the race or by the wait for all.
    counted.then(() => inWork.delete(counted)).catch(() => undefined);
    if (inWork.size >= pagesInWork) await Promise.race(inWork);
  }
  await Promise.all(inWork);
  if (signal.aborted) throw new Fault('transient', 'ABORTED', 'the census was stopped before its end');

  return {
    records,
    byVersion: Object.fromEntries([...byVersion].toSorted(([left], [right]) => left.localeCompare(right))),
    unreadable,
    contradicted: await countContradicted(deps, sample.taken(), signal),
    method: byHeader > 0 ? 'header+kms-sample' : 'kms',
    startedAt,
    finishedAt: new Date().toISOString(),
  };
}

/** Aligned with `records`; the first fault that is not a record's own stops them all. */
async function findAll(
  deps: CensusDeps,
  records: readonly StoredRecord[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const halt = new AbortController();
  const either = eitherSignal(signal, halt.signal);
  let stoppedBy: Fault | undefined;
  const findings = await Promise.all(
    records.map((record) =>
      find(deps, record, either).catch((error: unknown): Finding => {
        stoppedBy ??= asFault(error);
        halt.abort();
        return { kind: 'unreadable' };
      }),
    ),
  );
  if (stoppedBy !== undefined) throw stoppedBy;
  return findings;
}

async function find(deps: CensusDeps, record: StoredRecord, signal: AbortSignal): Promise<Finding> {
  const { calls, deep, format, goal } = deps;
  let ciphertext;
  try {
    ciphertext = format.open(record.value).ciphertext;
  } catch {
    return { kind: 'unreadable' };
  }
  const header = calls.keyService.readVersion(ciphertext);
  // A header tells the version but not the AAD: where that changes, only the KMS can tell.
  if (header !== null && !deep && goal.source.aad.text === goal.target.aad.text) {
    return { kind: 'version', versionId: header, byHeader: true };
  }
  return askKms(deps, record, ciphertext, signal);
}

async function askKms(
  { calls, goal }: CensusDeps,
  record: StoredRecord,
  ciphertext: Uint8Array,
  signal: AbortSignal,
): Promise<Finding> {
  const outcome = await reEncryptRecord(calls, expectReached(goal), record, ciphertext, signal);
  if (outcome.kind === 'refused') return { kind: 'unreadable' };
  const versionId = outcome.kind === 'onPin' ? goal.versionId : describeSource(outcome.sourceVersionId, goal);
  return { kind: 'version', versionId, byHeader: false };
}

/** A record under the pin's version but with the source's AAD or key is not yet what it shall become. */
function describeSource(sourceVersionId: string, goal: Goal): string {
  if (sourceVersionId === '') return 'unnamed';
  return sourceVersionId === goal.versionId ? `${sourceVersionId} (with the source's AAD)` : sourceVersionId;
}

async function countContradicted(
  deps: CensusDeps,
  sample: readonly StoredRecord[],
  signal: AbortSignal,
): Promise<number> {
  const checks = await Promise.all(
    sample.map(async (record) => {
      const { ciphertext } = deps.format.open(record.value);
      const asked = await askKms(deps, record, ciphertext, signal);
      return asked.kind === 'version' && asked.versionId === deps.calls.keyService.readVersion(ciphertext);
    }),
  );
  return checks.filter((agrees) => !agrees).length;
}
