import type { StatusReport } from '../rotation/status.ts';
import { doneRecords } from './live-eta.ts';

/** What to do where the rotation does not go on by itself, or seems not to; null where all goes well. */
export function hintFor(status: StatusReport): string | null {
  const { state, total, enqueued, etaSeconds, remaining, workers } = status;
  if (state === 'new') return "nobody has begun it, or the broker has lost it: 'keyturn enqueue' begins it";
  if (state === 'paused') return "'keyturn resume' goes on where it stood";
  if (state !== 'running' || remaining === 0) return null;
  if (workers === 0) return "no worker is up: start 'keyturn work'";
  if (etaSeconds !== null) return null;
  if (enqueued < total && doneRecords(status) >= enqueued)
    return "all that is enqueued is done: if no producer is up, 'keyturn enqueue' goes on";
  return "no batch has ended in the last ten seconds: if it stays so, 'keyturn check' says what does not answer";
}
