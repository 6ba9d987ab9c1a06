import type { PlanEstimate, SurveyedRecord } from './plan.ts';
import type { Pin } from './ports/ledger.ts';
import type { Ref } from './record.ts';

/** Refs that are named with each code. */
const namedRefs = 3;

/** Records of the sample that would be set aside with the same code. */
export interface PlannedFailure {
  readonly code: string;
  readonly count: number;
  /** Of the first of them. */
  readonly message: string;
  /** Of some of them. */
  readonly refs: readonly Ref[];
}

/** What `plan --json` prints. */
export interface PlanReport extends PlanEstimate {
  readonly rotation: string;
  readonly target: Pin;
  readonly records: number;
  readonly exact: boolean;
  readonly sample: {
    readonly size: number;
    /** Drawn from so many of the first records; null: from all. */
    readonly among: number | null;
    readonly byVersion: Readonly<Record<string, number>>;
    readonly done: number;
    readonly unreadable: number;
    readonly failures: readonly PlannedFailure[];
  };
  /** Per second over all workers; null = no limit. */
  readonly rate: number | null;
  readonly rateUnit: 'calls' | 'items';
  readonly warnings: readonly string[];
}

export interface PlanReportParts {
  readonly config: {
    readonly rotation: string;
    readonly limits: { readonly rate: number | null; readonly rateUnit: 'calls' | 'items' };
  };
  readonly counted: { readonly records: number; readonly exact: boolean };
  readonly target: Pin;
  readonly sample: readonly SurveyedRecord[];
  readonly among: number | null;
  readonly estimate: PlanEstimate;
  readonly warnings: readonly string[];
}

export function reportPlan(parts: PlanReportParts): PlanReport {
  const { config, counted, target, sample, among, estimate, warnings } = parts;
  const failures = groupFailures(sample);
  return {
    rotation: config.rotation,
    target,
    ...counted,
    sample: {
      size: sample.length,
      among,
      byVersion: countVersions(sample),
      done: sample.filter(({ kind }) => kind === 'done').length,
      unreadable: failures.reduce((sum, { count }) => sum + count, 0),
      failures,
    },
    ...estimate,
    rate: config.limits.rate,
    rateUnit: config.limits.rateUnit,
    warnings,
  };
}

/** The most frequent version first. */
function countVersions(sample: readonly SurveyedRecord[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const record of sample)
    if (record.kind !== 'failing') counts.set(record.versionId, (counts.get(record.versionId) ?? 0) + 1);
  return Object.fromEntries([...counts].toSorted(([, left], [, right]) => right - left));
}

/** The most frequent code first. */
function groupFailures(sample: readonly SurveyedRecord[]): PlannedFailure[] {
  const groups = new Map<string, { code: string; count: number; message: string; refs: Ref[] }>();
  for (const record of sample) {
    if (record.kind !== 'failing') continue;
    const { code, message } = record.fault;
    const group = groups.get(code) ?? { code, count: 0, message, refs: [] };
    group.count += 1;
    if (group.refs.length < namedRefs) group.refs.push(record.ref);
    groups.set(code, group);
  }
  return [...groups.values()].toSorted((left, right) => right.count - left.count);
}
