import { takeCensus } from '../census/census.ts';
import { certify, type CensusCount, type Certificate } from '../rotation/certificate.ts';
import type { Pin } from '../rotation/ports/ledger.ts';
import type { Ref } from '../rotation/record.ts';
import type { OpenRotation } from './open-rotation.ts';

/** Failures are counted up to this; the certificate needs to know that there are some. */
const countedFailures = 100_000;

export interface CensusChoices {
  readonly deep: boolean;
  readonly onStale: (refs: readonly Ref[]) => Promise<void>;
  readonly onProgress: (records: number) => void;
}

/** Reads every record again and certifies what was found. */
export async function takeCertificate(
  rotation: OpenRotation,
  target: Pin,
  choices: CensusChoices,
  signal: AbortSignal,
): Promise<Certificate> {
  const { calls, config, format, store } = rotation;
  const census = await takeCensus(
    { store, format, calls, goal: rotation.goalFor(target), pageSize: config.limits.batchSize, ...choices },
    signal,
  );
  return certifyCensus(rotation, target, census);
}

/** Certifies what a census found. */
export async function certifyCensus(
  { broker, config, planDigest, store, tool }: OpenRotation,
  target: Pin,
  census: CensusCount,
): Promise<Certificate> {
  const failures = await broker.ledger.failures(null, countedFailures);
  return certify({
    rotation: config.rotation,
    target,
    census,
    openFailures: failures.length,
    caveats: store.caveats,
    configDigest: planDigest,
    tool,
  });
}
