import { describeDuration } from './duration.ts';
import { doneRecords } from './live-eta.ts';
import type { LiveStatus } from './live-status.ts';
import { hintForOnlooker } from './status-hint.ts';

export type Tone = 'plain' | 'good' | 'warning' | 'bad';

/** One line of a terminal, of one colour. */
export interface LiveLine {
  readonly text: string;
  readonly tone: Tone;
}

const labelWidth = 10;
/** A terminal may tell any width, or none. */
const leastColumns = 24;
const mostBar = 60;
const codesShown = 5;

/** The view of a rotation in lines of fewer than `columns` characters. */
export function describeLive(live: LiveStatus, columns: number, now = new Date()): LiveLine[] {
  const width = Math.max(leastColumns, columns) - 1 - labelWidth;
  const rows: [string, string, Tone?][] = [
    ['rotation', describeState(live), toneOf(live)],
    ['records', describeBar(live, width)],
    ['', describeRecords(live)],
    ['rate', describeRate(live), isThrottled(live) ? 'warning' : 'plain'],
    ['ETA', live.etaSeconds === null ? '-' : describeDuration(live.etaSeconds)],
    ['workers', ...describeWorkers(live)],
  ];
  if (live.failed > 0) rows.push(['failures', describeCodes(live), 'bad']);
  if (live.reason !== null) rows.push(['reason', live.reason, 'warning']);
  const hint = hintForOnlooker(live);
  if (hint !== null) rows.push(['', hint, 'warning']);
  if (live.outOfReachSince !== null) rows.push(['broker', describeOutage(live.outOfReachSince, now), 'bad']);
  return rows.flatMap(([label, value, tone = 'plain']) =>
    wrapWords(value, width).map((text, index) => ({
      text: (index === 0 ? label : '').padEnd(labelWidth) + text,
      tone,
    })),
  );
}

/** The same in one line, for a log. */
export function describeLiveLine(live: LiveStatus, now = new Date()): string {
  const { etaSeconds, failed, outOfReachSince, reason, state, total, workers } = live;
  const parts = [
    `${describeState(live)}: ${doneRecords(live)} of ${total} records (${percentDone(live)}%), ${failed} failed`,
    describeRate(live),
    `${workers} workers`,
    ...(etaSeconds === null || state !== 'running' ? [] : [`about ${describeDuration(etaSeconds)} to go`]),
    ...(reason === null ? [] : [`reason: ${reason}`]),
    ...(outOfReachSince === null ? [] : [`broker ${describeOutage(outOfReachSince, now)}`]),
  ];
  return withoutControls(parts.join('; '));
}

function describeState({ rotation, state, pass }: LiveStatus): string {
  return `${rotation} ${state}${pass > 1 ? `, pass ${pass}` : ''}`;
}

export function toneOf({ state, failed }: LiveStatus): Tone {
  if (state === 'paused') return 'warning';
  if (state === 'cancelled') return 'bad';
  return state === 'finished' && failed === 0 ? 'good' : 'plain';
}

/** Full only when all is done. */
export function percentDone({ state, total, remaining }: LiveStatus): number {
  if (total === 0) return state === 'finished' ? 100 : 0;
  return Math.floor(((total - remaining) * 100) / total);
}

function describeBar(live: LiveStatus, width: number): string {
  const share = percentDone(live);
  const barWidth = Math.min(mostBar, width - '[] 100%'.length);
  const bar = '='.repeat(Math.floor((share * barWidth) / 100)).padEnd(barWidth);
  return `[${bar}] ${`${share}%`.padStart(4)}`;
}

function describeRecords(live: LiveStatus): string {
  const { enqueued, total, rotated, skipped, missing, failed, conflicts } = live;
  const soFar = enqueued < total ? ` (${enqueued} enqueued)` : '';
  return (
    `${doneRecords(live)} of ${total}${soFar}: ${rotated} rotated, ${skipped} skipped, ` +
    `${missing} missing, ${failed} failed${conflicts > 0 ? `; ${conflicts} conflicts` : ''}`
  );
}

export function isThrottled({ rate }: LiveStatus): boolean {
  return rate.effective !== null && rate.effective !== rate.configured;
}

function describeRate(live: LiveStatus): string {
  const { configured, effective, observed } = live.rate;
  const limit = configured === null ? 'no limit' : `limit ${configured}/s`;
  return `${observed} KMS calls/s, ${limit}${isThrottled(live) ? `, held at ${effective}/s after 429` : ''}`;
}

function describeWorkers({ state, workers }: LiveStatus): [string, Tone] {
  if (workers === 0 && state === 'running') return ['none alive', 'warning'];
  return [`${workers} alive`, 'plain'];
}

function describeCodes({ failuresByCode, failed }: LiveStatus): string {
  const codes = Object.entries(failuresByCode).toSorted(([, a], [, b]) => b - a);
  if (codes.length === 0) return `${failed}; see 'keyturn failures'`;
  const shown = codes.slice(0, codesShown).map(([code, count]) => `${code} ${count}`);
  return [...shown, ...(codes.length > codesShown ? ['…'] : [])].join(', ');
}

export function describeOutage(since: string, now: Date): string {
  const began = new Date(since);
  const seconds = Math.max(0, (now.getTime() - began.getTime()) / 1000);
  const time = began.toTimeString().slice(0, 8);
  return `out of reach since ${time} (${describeDuration(seconds)}); what is shown is from before`;
}

/** What a peer has said may hold line breaks, or what a terminal obeys. */
function withoutControls(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ');
}

/** Breaks at spaces, and within a word that fits no line. */
function wrapWords(text: string, width: number): string[] {
  const lines = [''];
  for (const word of withoutControls(text).split(' ')) {
    const line = lines.at(-1) ?? '';
    const joined = line === '' ? word : `${line} ${word}`;
    if (joined.length <= width) {
      lines.splice(-1, 1, joined);
      continue;
    }
    if (line === '') lines.pop();
    for (let from = 0; from < word.length; from += width) lines.push(word.slice(from, from + width));
  }
  return lines;
}
