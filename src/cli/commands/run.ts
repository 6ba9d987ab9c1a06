import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { openLateBatches } from '../../producer/enqueue-late.ts';
import type { Certificate } from '../../rotation/certificate.ts';
import { recordExtended, recordFinished } from '../audit-rotation.ts';
import { patiently } from '../../rotation/patience.ts';
import type { LedgerSnapshot } from '../../rotation/ports/ledger.ts';
import type { Ref } from '../../rotation/record.ts';
import { describeCertificate } from '../describe-certificate.ts';
import { exitCode } from '../exit-code.ts';
import { awaitPass, finishPass, type PassEnd } from '../finish-pass.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { auditOf } from '../open-audit.ts';
import { prepareToKeep, type CertificateFlags, type CertificateKeeping } from '../keep-certificate.ts';
import { openRotation, pinOf, type OpenRotation } from '../open-rotation.ts';
import type { Output } from '../output.ts';
import { openProgress } from '../progress.ts';
import { describeStatus, readFinalStatus } from '../read-status.ts';
import { takeCertificate } from '../take-certificate.ts';
import { startWorkerProcess } from '../worker-process.ts';

/** Further rounds for what the application writes under an old version meanwhile. */
const lateRounds = 3;

/** How the last round ended, and the last census; null if none was taken. */
interface Outcome {
  readonly end: PassEnd;
  readonly certificate: Certificate | null;
}

/** Enqueues, works and verifies in one process; exit 0 only if every record is under the target version. */
export async function run(
  config: KeyturnConfig,
  { deep, ...flags }: CertificateFlags & { deep: boolean },
  output: Output,
): Promise<number> {
  const keeping = await prepareToKeep(flags);
  const interrupt = listenForInterrupt();
  const rotation = await openRotation(config, 'readWrite');
  try {
    return await runRotation(rotation, { deep, keeping }, output, interrupt.signal);
  } finally {
    await rotation.close();
  }
}

/** As `run`, with a rotation that is open. */
export async function runRotation(
  rotation: OpenRotation,
  { deep, keeping }: { deep: boolean; keeping: CertificateKeeping },
  output: Output,
  interrupt: AbortSignal,
): Promise<number> {
  const { signal, stop } = await startWorkerProcess(rotation, { bullBoard: false }, output, interrupt);
  let outcome: Outcome;
  try {
    outcome = await rotateAndProve(rotation, deep, output, signal);
  } finally {
    await stop();
  }
  return conclude(rotation, outcome, keeping, output, signal);
}

async function rotateAndProve(
  rotation: OpenRotation,
  deep: boolean,
  output: Output,
  signal: AbortSignal,
): Promise<Outcome> {
  const { end, snapshot } = await finishPass(rotation, output, signal);
  return end === 'finished'
    ? proveOrRepeat(rotation, snapshot, deep, output, signal)
    : { end, certificate: null };
}

/**
 * Takes a census; what it finds stale is rotated in the same pass, and a census taken again. After the last
 * round what is still found is counted for the certificate.
 */
async function proveOrRepeat(
  rotation: OpenRotation,
  finished: LedgerSnapshot,
  deep: boolean,
  output: Output,
  signal: AbortSignal,
): Promise<Outcome> {
  const audit = auditOf(rotation.config);
  const onFault = rotation.log.fault;
  const patience = { signal, patienceMs: Infinity, onFault };
  let snapshot = finished;
  for (let round = 0; ; round += 1) {
    const onExtended = (): Promise<void> => recordExtended(audit, snapshot);
    const late =
      round < lateRounds
        ? openLateBatches({ ...rotation.broker, onFault, onExtended }, snapshot.epoch ?? '', signal)
        : null;
    let foundAgain = 0;
    const countAgain = async (refs: readonly Ref[]): Promise<void> => {
      const failed = await patiently(patience, () => rotation.broker.ledger.failedAmong(refs));
      foundAgain += refs.length - failed.size;
    };
    const progress = openProgress('verify', { done: 0, total: snapshot.enqueued }, output);
    const certificate = await takeCertificate(
      rotation,
      pinOf(snapshot),
      {
        deep,
        onStale: late?.add ?? countAgain,
        onProgress: (done) => progress.update(done),
        lateWriters: () => (late === null ? { records: foundAgain, rounds: lateRounds } : null),
      },
      signal,
    ).finally(progress.stop);
    if (late === null || !(await late.close())) return { end: 'finished', certificate };
    const extended = await patiently(patience, () => rotation.broker.ledger.snapshot());
    await recordFinished(audit, extended, snapshot.epoch);
    output.line('the application wrote records under an old version meanwhile; they are rotated too');
    const ended = await awaitPass(rotation, snapshot, output, signal);
    if (ended.end !== 'finished') return { end: ended.end, certificate };
    ({ snapshot } = ended);
  }
}

async function conclude(
  rotation: OpenRotation,
  { end, certificate: taken }: Outcome,
  keeping: CertificateKeeping,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const status = await readFinalStatus(rotation, signal);
  const certificate = taken === null ? null : keeping.sign(taken);
  output.result({ ...status, certificate }, () =>
    [describeStatus(status), ...(certificate === null ? [] : [describeCertificate(certificate)])].join('\n'),
  );
  if (certificate !== null) await keeping.write(certificate);
  switch (end) {
    case 'finished':
      return certificate?.verdict === 'safe-to-retire' && status.failed === 0
        ? exitCode.done
        : exitCode.notDone;
    case 'interrupted':
      return exitCode.interrupted;
    case 'refused':
      return exitCode.peer;
    case 'failures':
    case 'cancelled':
    case 'lost':
      return exitCode.notDone;
  }
}
