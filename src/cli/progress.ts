import cliProgress from 'cli-progress';
import type { Output } from './output.ts';

/** Without a terminal a line is printed this often. */
const lineEveryMs = 5000;

export interface Progress {
  update(done: number, total?: number): void;
  stop(): void;
}

/** A progress bar with rate and ETA on a terminal, plain lines otherwise. */
export function openProgress(name: string, total: number, output: Output): Progress {
  return process.stderr.isTTY ? openBar(name, total) : openLines(name, total, output);
}

function openBar(name: string, total: number): Progress {
  const bar = new cliProgress.SingleBar({
    format: `${name} {bar} {percentage}% | {value}/{total} | {rate}/s | ETA {eta_formatted}`,
    barsize: 24,
    hideCursor: true,
    clearOnComplete: false,
    etaBuffer: 50,
  });
  const rate = createRate();
  bar.start(total, 0, { rate: 0 });
  return {
    update(done, newTotal) {
      if (newTotal !== undefined && newTotal !== bar.getTotal()) bar.setTotal(newTotal);
      bar.update(done, { rate: Math.round(rate(done)) });
    },
    stop: () => bar.stop(),
  };
}

function openLines(name: string, firstTotal: number, output: Output): Progress {
  const rate = createRate();
  let total = firstTotal;
  let printedAt = performance.now();
  return {
    update(done, newTotal) {
      total = newTotal ?? total;
      const perSecond = rate(done);
      if (performance.now() - printedAt < lineEveryMs) return;
      printedAt = performance.now();
      const eta = perSecond > 0 ? `, about ${Math.ceil(Math.max(0, total - done) / perSecond)} s to go` : '';
      output.line(`${name}: ${done} of ${total} records, ${Math.round(perSecond)}/s${eta}`);
    },
    stop: () => undefined,
  };
}

/** Records per second over about the last ten seconds. */
function createRate(): (done: number) => number {
  const seen: { at: number; done: number }[] = [];
  return (done) => {
    const now = performance.now();
    seen.push({ at: now, done });
    while (seen.length > 2 && (seen[0]?.at ?? now) < now - 10_000) seen.shift();
    const first = seen[0];
    return first === undefined || now === first.at ? 0 : ((done - first.done) * 1000) / (now - first.at);
  };
}
