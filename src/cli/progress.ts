import { describeDuration } from './duration.ts';
import { openLiveBar } from './live-bar.ts';
import type { Output } from './output.ts';

/** Without a terminal a line is printed this often. */
const lineEveryMs = 5000;
const drawEveryMs = 100;
/** So that all of it fits into 80 columns with a billion records. */
const barWidth = 18;
const rateOverMs = 10_000;

export interface Progress {
  update(done: number, total?: number): void;
  stop(): void;
}

/** How far it is, with the rate over about the last ten seconds. */
interface Pulse {
  readonly done: number;
  readonly total: number;
  readonly perSecond: number;
  /** Null while nothing moves. */
  readonly secondsLeft: number | null;
}

/** A progress bar with rate and ETA on a terminal, plain lines otherwise. */
export function openProgress(
  name: string,
  start: { readonly done: number; readonly total: number },
  output: Output,
): Progress {
  const isTerminal = process.stderr.isTTY;
  const everyMs = isTerminal ? drawEveryMs : lineEveryMs;
  const measure = createPulse(start);
  let latest = measure(start.done, start.total);
  let shownAt = performance.now();
  const bar = isTerminal ? openLiveBar(describeBar(name, latest)) : null;

  return {
    update(done, total = latest.total) {
      latest = measure(done, total);
      if (performance.now() - shownAt < everyMs) return;
      shownAt = performance.now();
      if (bar === null) output.line(describeLine(name, latest));
      else bar.show(describeBar(name, latest));
    },
    stop() {
      bar?.show(describeBar(name, { ...latest, secondsLeft: null }));
      bar?.stop();
    },
  };
}

/** `rotate [======      ]  50% | 1500/3000 | 642/s | ETA 3s`. */
export function describeBar(name: string, { done, total, perSecond, secondsLeft }: Pulse): string {
  const share = total <= 0 ? 1 : Math.min(1, done / total);
  const bar = '='.repeat(Math.floor(share * barWidth)).padEnd(barWidth);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const eta = secondsLeft === null ? '' : ` | ETA ${describeDuration(secondsLeft)}`;
  return `${name} [${bar}] ${percent} | ${done}/${total} | ${Math.round(perSecond)}/s${eta}`;
}

function describeLine(name: string, { done, total, perSecond, secondsLeft }: Pulse): string {
  const eta = secondsLeft === null ? '' : `, about ${describeDuration(secondsLeft)} to go`;
  return `${name}: ${done} of ${total} records, ${Math.round(perSecond)}/s${eta}`;
}

function createPulse({ done: first }: { done: number }): (done: number, total: number) => Pulse {
  const seen = [{ at: performance.now(), done: first }];
  return (done, total) => {
    const now = performance.now();
    seen.push({ at: now, done });
    while (seen.length > 2 && (seen[0]?.at ?? now) < now - rateOverMs) seen.shift();
    const oldest = seen[0];
    const perSecond =
      oldest === undefined || now <= oldest.at ? 0 : ((done - oldest.done) * 1000) / (now - oldest.at);
    const secondsLeft = perSecond > 0 && done < total ? (total - done) / perSecond : null;
    return { done, total, perSecond, secondsLeft };
  };
}
