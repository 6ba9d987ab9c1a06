import type { StatusReport } from '../rotation/status.ts';

const windowMs = 60_000;
/** Over less than the workers' own rate covers, theirs is the better one. */
const leastSpanMs = 10_000;

/**
 * Seconds to go, by what the view itself has seen in the last minute; until that is enough, as the status
 * says. A pause, a new pass or another rate begins the window anew: what was before tells nothing of what
 * comes. Null while nothing moves.
 */
export function createLiveEta(nowMs = () => performance.now()): (status: StatusReport) => number | null {
  let seen: { at: number; done: number }[] = [];
  let conditions = '';
  return (status) => {
    const { pass, state, rate, remaining } = status;
    const now = { at: nowMs(), done: doneRecords(status) };
    const current = JSON.stringify([pass, state, rate.configured]);
    if (current !== conditions) seen = [];
    conditions = current;
    seen = [...seen.filter(({ at }) => at >= now.at - windowMs), now];
    const first = seen[0] ?? now;
    const [spanMs, gained] = [now.at - first.at, now.done - first.done];
    if (state !== 'running' || spanMs < leastSpanMs || gained <= 0) return status.etaSeconds;
    return Math.round((remaining * spanMs) / gained / 100) / 10;
  };
}

/** Records with an outcome. */
export function doneRecords({ rotated, skipped, missing, failed }: StatusReport): number {
  return rotated + skipped + missing + failed;
}
