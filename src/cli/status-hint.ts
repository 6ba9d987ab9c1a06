import type { StatusReport } from '../rotation/status.ts';
import { doneRecords } from './live-eta.ts';

/** What to do where the rotation does not go on by itself; null where it does. */
export function hintFor({ state, remaining, workers }: StatusReport): string | null {
  if (state === 'new') return "nobody has begun it, or the broker has lost it: 'keyturn enqueue' begins it";
  if (state === 'paused') return "'keyturn resume' goes on where it stood";
  if (state === 'running' && remaining > 0 && workers === 0) return "no worker is up: start 'keyturn work'";
  return null;
}

/**
 * The same for whoever looks at it: also where it seems to stand. A command that has just set it going would find no
 * batch ended yet.
 */
export function hintForOnlooker(status: StatusReport): string | null {
  const { state, total, enqueued, etaSeconds } = status;
  const hint = hintFor(status);
  if (hint !== null || state !== 'running' || etaSeconds !== null) return hint;
  if (enqueued < total && doneRecords(status) >= enqueued)
    return "all that is enqueued is done: if no producer is up, 'keyturn enqueue' goes on";
  return "no batch has ended in the last ten seconds: if it stays so, 'keyturn check' says what does not answer";
}
