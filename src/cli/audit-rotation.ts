import type { LedgerSnapshot } from '../rotation/ports/ledger.ts';
import type { SettledBatch } from '../worker/worker.ts';
import type { Audit } from './open-audit.ts';

/** The ends of passes that this process has recorded: its worker and its producer may both see one. */
const recordedEnds = new Set<string>();

/** To be called by the process whose `begin` or `restart` the ledger took. */
export function recordBegun(
  audit: Audit,
  { pass, pin, planDigest }: LedgerSnapshot,
  restarted: boolean,
): Promise<void> {
  const [keyId, versionId] = [pin?.keyId ?? null, pin?.versionId ?? null];
  return audit.record({ event: 'rotation.begun', pass, keyId, versionId, planDigest, restarted });
}

/**
 * Records the end of a pass if it has come. The ledger does not say which of two steps made it, so a worker
 * and a producer that end in the same moment may each record it, with the same `finishedAt`.
 */
export async function recordFinished(
  audit: Audit,
  snapshot: LedgerSnapshot,
  epoch = snapshot.epoch,
): Promise<void> {
  const { state, pass, enqueued, finishedAt, tally } = snapshot;
  const end = `${snapshot.epoch ?? ''} ${finishedAt ?? ''}`;
  if (state !== 'finished' || snapshot.epoch !== epoch || recordedEnds.has(end)) return;
  recordedEnds.add(end);
  await audit.record({ event: 'rotation.finished', pass, enqueued, finishedAt, ...tally });
}

export async function recordResumed(audit: Audit, snapshot: LedgerSnapshot): Promise<void> {
  await audit.record({ event: 'rotation.resumed', pass: snapshot.pass });
  // With nothing left to do, resuming ends the pass.
  await recordFinished(audit, snapshot);
}

/** A batch that was done twice, as one whose worker was cut off, may be recorded twice; the ledger counts it once. */
export async function recordBatch(
  audit: Audit,
  { batch, tally, failures, after }: SettledBatch,
): Promise<void> {
  const codes: Record<string, number> = {};
  for (const { code } of failures) codes[code] = (codes[code] ?? 0) + 1;
  await audit.record({ event: 'batch.settled', pass: after.pass, batch, codes, ...tally });
  await recordFinished(audit, after);
}

/** A finished pass takes late writers. */
export function recordExtended(audit: Audit, { pass }: LedgerSnapshot): Promise<void> {
  return audit.record({ event: 'rotation.extended', pass });
}
