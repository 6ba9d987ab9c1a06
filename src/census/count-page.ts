import type { CiphertextOutcome } from '../rotation/calls/ciphertext-outcome.ts';
import { reEncryptRecords, type ReEncryptDeps } from '../rotation/calls/re-encrypt-records.ts';
import { Fault } from '../rotation/faults.ts';
import type { Format } from '../rotation/formats/format.ts';
import { expectReached, type Goal } from '../rotation/goal.ts';
import { openRecord, type OpenRecord } from '../rotation/open-record.ts';
import { patiently } from '../rotation/patience.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import type { Ref, StoredRecord } from '../rotation/record.ts';
import { nameSource } from './name-source.ts';

export interface PageDeps {
  readonly store: RecordStore;
  readonly format: Format;
  readonly goal: Goal;
  readonly calls: ReEncryptDeps;
  /** Ask the KMS about every record, also where the header tells its version. */
  readonly deep: boolean;
  /** How long an outage of the store is waited for. */
  readonly storePatienceMs: number;
}

/** What a page of references holds. */
export interface PageCount {
  readonly records: number;
  readonly byVersion: ReadonlyMap<string, number>;
  /** Records that no key opens, or whose format does not fit. */
  readonly unreadable: number;
  /** Those whose version was read from their header: a sample of them is to be confirmed by the KMS. */
  readonly byHeader: readonly StoredRecord[];
  /** Those that are not under the pin, or can't be opened. */
  readonly stale: readonly Ref[];
}

/** The version that a record counts under: of several ciphertexts the first that is not the pin's. */
type Finding = { kind: 'version'; versionId: string; byHeader: boolean } | { kind: 'unreadable' };

/**
 * Reads records and counts them by key version; those that are gone count nowhere. Where a header does not
 * tell, the KMS does: it re-encrypts to the target and the result is thrown away; the version it opened is
 * the proof. Throws where a record could be neither counted nor called unreadable: half a page is none.
 */
export async function countPage(
  deps: PageDeps,
  refs: readonly Ref[],
  signal: AbortSignal,
): Promise<PageCount> {
  const patience = { signal, patienceMs: deps.storePatienceMs, onFault: deps.calls.onFault };
  return countRecords(deps, await patiently(patience, () => deps.store.read(refs)), signal);
}

/** As `countPage`, of records as they were read just now. */
export async function countRecords(
  deps: PageDeps,
  page: readonly StoredRecord[],
  signal: AbortSignal,
): Promise<PageCount> {
  const findings = await findAll(deps, page, signal);
  const byVersion = new Map<string, number>();
  const byHeader: StoredRecord[] = [];
  const stale: Ref[] = [];
  let unreadable = 0;
  page.forEach((record, index) => {
    const finding = findings[index];
    if (finding?.kind === 'version') {
      byVersion.set(finding.versionId, (byVersion.get(finding.versionId) ?? 0) + 1);
      if (finding.byHeader) byHeader.push(record);
    } else {
      unreadable += 1;
    }
    if (finding?.kind !== 'version' || finding.versionId !== deps.goal.versionId) stale.push(record.ref);
  });
  return { records: page.length, byVersion, unreadable, byHeader, stale };
}

/** Of records counted by their header, those of which the KMS does not confirm it. */
export async function countContradicted(
  deps: PageDeps,
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

/** Aligned with `records`. Throws the fault that stopped the calls: half of the answers are none. */
async function findAll(
  deps: PageDeps,
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

function tryOpen({ format }: PageDeps, record: StoredRecord): OpenRecord | null {
  try {
    return openRecord(format, record);
  } catch {
    return null;
  }
}

/** Null where the headers cannot tell all that counts: they name the version but not the AAD. */
function versionByHeader({ calls, goal }: PageDeps, { opened }: OpenRecord): string | null {
  if (!goal.keepsAad && opened.aad === 'template') return null;
  const versions = opened.ciphertexts.map((ciphertext) => calls.keyService.readVersion(ciphertext));
  return versions.includes(null)
    ? null
    : (versions.find((version) => version !== goal.versionId) ?? goal.versionId);
}

/** Aligned with `records`. */
async function askKms(
  { calls, goal }: PageDeps,
  records: readonly OpenRecord[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings = new Map<OpenRecord, Finding>();
  const stoppedBy = await reEncryptRecords(
    calls,
    expectReached(goal),
    records,
    (open, outcomes) => findings.set(open, findingOf(outcomes, goal)),
    signal,
  );
  if (stoppedBy !== null) throw stoppedBy;
  if (signal.aborted) throw new Fault('transient', 'ABORTED', 'the census was stopped before its end');
  return records.map((open) => findings.get(open) ?? { kind: 'unreadable' });
}

function findingOf(outcomes: readonly CiphertextOutcome[], goal: Goal): Finding {
  let versionId = goal.versionId;
  for (const outcome of outcomes) {
    if (outcome.kind === 'refused') return { kind: 'unreadable' };
    if (outcome.kind !== 'onPin' && versionId === goal.versionId)
      versionId = nameSource(outcome.sourceVersionId, goal);
  }
  return { kind: 'version', versionId, byHeader: false };
}
