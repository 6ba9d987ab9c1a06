import { takeCensus } from '../census/census.ts';
import { certify, type CensusCount, type Certificate, type LateWriters } from '../rotation/certificate.ts';
import { patiently } from '../rotation/patience.ts';
import type { Pin } from '../rotation/ports/ledger.ts';
import type { Ref } from '../rotation/record.ts';
import { readAuditHead } from '../telemetry/audit-tail.ts';
import { auditOf } from './open-audit.ts';
import type { OpenRotation } from './open-rotation.ts';

export interface CensusChoices {
  readonly deep: boolean;
  readonly onStale: (refs: readonly Ref[]) => Promise<void>;
  readonly onProgress: (records: number) => void;
  /** Asked after the census; null where no further rounds were made. */
  readonly lateWriters?: () => LateWriters | null;
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
  return certifyCensus(rotation, target, census, choices, signal);
}

/** Certifies what a census found. */
export async function certifyCensus(
  { broker, config, log, planDigest, store, tool }: OpenRotation,
  target: Pin,
  census: CensusCount,
  choices: Pick<CensusChoices, 'deep' | 'lateWriters'>,
  signal: AbortSignal,
): Promise<Certificate> {
  const patience = { signal, patienceMs: Infinity, onFault: log.fault };
  const { pass, before, tally } = await patiently(patience, () => broker.ledger.snapshot());
  const certificate = certify({
    rotation: config.rotation,
    target,
    census,
    openFailures: tally.failed,
    lateWriters: choices.lateWriters?.() ?? null,
    caveats: store.caveats,
    excluded: await patiently(patience, () => store.excluded()),
    mode: config.mode.kind,
    deep: choices.deep,
    passes: pass === 0 ? null : pass,
    before,
    audit: config.audit === null ? null : await readAuditHead(config.audit),
    configDigest: planDigest,
    tool,
  });
  auditOf(config).note({ verdict: certificate.verdict });
  return certificate;
}
