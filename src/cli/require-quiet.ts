import { Fault } from '../rotation/faults.ts';
import type { Ledger } from '../rotation/ports/ledger.ts';

/**
 * Throws a usage `Fault` where a worker may write to the store while `command` runs: it would swap again what
 * was put back.
 */
export async function requireQuiet(
  rotation: string,
  ledger: Pick<Ledger, 'snapshot' | 'workers'>,
  command: string,
): Promise<void> {
  const [{ state }, workers] = await Promise.all([ledger.snapshot(), ledger.workers()]);
  const reason = (): string | null => {
    if (state === 'running')
      return `it is running; 'keyturn pause' and stop its workers, or 'keyturn cancel'`;
    // A finished rotation has no batch in work, whoever is up.
    if (workers.alive === 0 || state === 'finished') return null;
    if (state === 'paused')
      return `it is paused with ${workers.alive} workers up, which a resume sets to work; stop them, or 'keyturn cancel'`;
    if (workers.callsPerSecond === 0 && workers.recordsPerSecond === 0) return null;
    return `it is ${state}, but workers were at work within the last ten seconds; try again in ten seconds`;
  };
  const refusal = reason();
  if (refusal !== null)
    throw new Fault('usage', 'WRONG_STATE', `cannot ${command} rotation ${rotation}: ${refusal}`);
}
