import type { CiphertextOutcome } from '../rotation/calls/ciphertext-outcome.ts';
import { reEncryptAll, type ReEncryptDeps } from '../rotation/calls/re-encrypt-all.ts';
import type { CensusCount } from '../rotation/certificate.ts';
import { Fault } from '../rotation/faults.ts';
import type { Format } from '../rotation/formats/format.ts';
import { expectReached, type Goal } from '../rotation/goal.ts';
import { openRecord, type OpenRecord } from '../rotation/open-record.ts';
import { patiently } from '../rotation/patience.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import type { Ref, StoredRecord } from '../rotation/record.ts';
import { createSample } from './sample.ts';

/** Records whose header is checked by the KMS, at random over the whole store. */
const sampleSize = 200;
const pagesInWork = 2;

export interface CensusDeps {
  readonly store: RecordStore;
  readonly format: Format;
  readonly goal: Goal;
  readonly calls: ReEncryptDeps;
  readonly pageSize: number;
  /** Ask the KMS about every record, also where the header tells its version. */
  readonly deep: boolean;
  /** Told of each page's records that are not under the pin, or can't be opened. */
  readonly onStale: (refs: readonly Ref[]) => Promise<void>;
  readonly onProgress: (records: number) => void;
}

/** The version that a record counts under: of several ciphertexts the first that is not the pin's. */
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

/** Aligned with `records`. Throws the fault that stopped the calls: half of the answers are none. */
async function findAll(
  deps: CensusDeps,
  records: readonly StoredRecord[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = records.map(() => ({ kind: 'unreadable' }));
  const toAsk: (OpenRecord & { index: number })[] = [];
  for (const [index, record] of records.entries()) {
    const open = tryOpen(deps, record);
    if (open === null) continue;
    const versionId = deps.deep ? null : versionByHeader(deps, open);
    if (versionId === null) toAsk.push({ ...open, index });
    else findings[index] = { kind: 'version', versionId, byHeader: true };
  }
  const answers = await askKms(deps, toAsk, signal);
  for (const [place, { index }] of toAsk.entries())
    findings[index] = answers[place] ?? { kind: 'unreadable' };
  return findings;
}

function tryOpen({ format }: CensusDeps, record: StoredRecord): OpenRecord | null {
  try {
    return openRecord(format, record);
  } catch {
    return null;
  }
}

/** Null where the headers cannot tell all that counts: they name the version but not the AAD. */
function versionByHeader({ calls, goal }: CensusDeps, { opened }: OpenRecord): string | null {
  if (!goal.keepsAad && opened.aad === 'template') return null;
  const versions = opened.ciphertexts.map((ciphertext) => calls.keyService.readVersion(ciphertext));
  return versions.includes(null)
    ? null
    : (versions.find((version) => version !== goal.versionId) ?? goal.versionId);
}

/** Aligned with `records`. */
async function askKms(
  { calls, goal }: CensusDeps,
  records: readonly OpenRecord[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const outcomes: CiphertextOutcome[][] = records.map(() => []);
  const wanted = records.flatMap(({ record, opened: { ciphertexts, aad } }, index) =>
    ciphertexts.map((ciphertext) => ({ record, ciphertext, aad, index })),
  );
  const stoppedBy = await reEncryptAll(
    calls,
    expectReached(goal),
    wanted,
    ({ index }, outcome) => outcomes[index]?.push(outcome),
    signal,
  );
  if (stoppedBy !== null) throw stoppedBy;
  if (signal.aborted) throw new Fault('transient', 'ABORTED', 'the census was stopped before its end');
  return outcomes.map((parts) => findingOf(parts, goal));
}

function findingOf(outcomes: readonly CiphertextOutcome[], goal: Goal): Finding {
  let versionId = goal.versionId;
  for (const outcome of outcomes) {
    if (outcome.kind === 'refused') return { kind: 'unreadable' };
    if (outcome.kind !== 'onPin' && versionId === goal.versionId)
      versionId = describeSource(outcome.sourceVersionId, goal);
  }
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
  const open = sample.map((record) => openRecord(deps.format, record));
  const asked = await askKms(deps, open, signal);
  return asked.filter((finding, index) => {
    const record = open[index];
    const byHeader = record === undefined ? null : versionByHeader(deps, record);
    return finding.kind !== 'version' || finding.versionId !== byHeader;
  }).length;
}
