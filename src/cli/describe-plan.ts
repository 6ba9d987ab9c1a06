import type { PlanReport } from '../rotation/plan-report.ts';
import { describeCount } from './describe-count.ts';
import { describeDuration } from './duration.ts';
import { printable } from './printable.ts';
import { wrapText } from './wrap-text.ts';

/** A terminal of the usual width. */
const columns = 80;
const labelWidth = 11;
const shareWidth = 7;

/** The plan for a person: one screen. */
export function describePlan(report: PlanReport): string {
  const { target, records, exact, sample, warnings } = report;
  const drawn = sample.among === null ? 'at random over all' : `of the first ${describeCount(sample.among)}`;
  return [
    ...field('rotation', report.rotation),
    ...field('target', `key ${target.keyId}, version ${target.versionId}`),
    ...field('records', `${describeCount(records)}${exact ? '' : ' (estimate)'}`),
    ...field('sample', `${describeCount(sample.size)} records, ${drawn}`),
    ...mixOf(report),
    ...failuresOf(report),
    ...field('done', doneOf(report)),
    ...field('to rotate', about(report, report.toRotate, 'records')),
    ...field('KMS calls', callsOf(report)),
    ...field('duration', durationOf(report)),
    ...warnings.flatMap((warning) => field('warning', warning)),
  ].join('\n');
}

/** A label, and behind it the text, on as many lines as it needs. */
function field(label: string, text: string): string[] {
  return wrapText(text, columns - labelWidth).map((line, place) =>
    `${(place === 0 ? label : '').padEnd(labelWidth)}${line}`.trimEnd(),
  );
}

function mixOf({ sample, target }: PlanReport): string[] {
  const rows = Object.entries(sample.byVersion).map(([version, count]) => ({
    count,
    what: `under ${version}${version === target.versionId ? ' (target)' : ''}`,
  }));
  const failing = sample.unreadable === 0 ? [] : [{ count: sample.unreadable, what: 'would fail' }];
  return [...rows, ...failing].map(
    ({ count, what }) =>
      `${' '.repeat(labelWidth)}${percent(count / sample.size).padStart(shareWidth)}  ${what}`,
  );
}

function failuresOf({ sample }: PlanReport): string[] {
  return sample.failures.flatMap(({ code, count, message, refs }) => [
    ...field('failing', `${count} × ${code}: ${message}`),
    ...refs.map((ref) => `${' '.repeat(labelWidth)}such as ${printable(ref)}`),
  ]);
}

function doneOf({ doneShare, doneShareInterval }: PlanReport): string {
  if (doneShare === null || doneShareInterval === null) return 'not known';
  const [low, high] = doneShareInterval;
  return low === high
    ? percent(doneShare)
    : `about ${percent(doneShare)} (95 % sure: ${percent(low)} to ${percent(high)})`;
}

function callsOf(report: PlanReport): string {
  const { kmsCalls, kmsCallsToCheckWrites, kmsCallsToVerify, kmsCallsSaved } = report;
  const parts = [
    `${describeCount(kmsCalls - kmsCallsToCheckWrites - kmsCallsToVerify)} to rotate`,
    ...(kmsCallsToCheckWrites === 0 ? [] : [`${describeCount(kmsCallsToCheckWrites)} to check writes`]),
    `${describeCount(kmsCallsToVerify)} to verify`,
  ].join(', ');
  const saved =
    kmsCallsSaved === 0
      ? ''
      : `; ${describeCount(kmsCallsSaved)} or more are saved where records share a key`;
  return `${about(report, kmsCalls, 'in all')}: ${parts}${saved}`;
}

function durationOf({ durationSeconds, rate, rateUnit }: PlanReport): string {
  if (rate === null || durationSeconds === null)
    return 'not known without limits.rate: it depends on the KMS, the store and the workers';
  return `${describeDuration(durationSeconds)} at ${describeCount(rate)} ${rateUnit}/s, if nothing else is slower`;
}

/** What was counted record by record is exact. */
function about({ exact, records, sample }: PlanReport, count: number, what: string): string {
  return `${exact && sample.size >= records ? '' : 'about '}${describeCount(count)} ${what}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
