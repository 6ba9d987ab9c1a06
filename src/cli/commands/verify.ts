import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import type { Certificate } from '../../rotation/certificate.ts';
import type { LedgerSnapshot, Pin } from '../../rotation/ports/ledger.ts';
import { describeCertificate } from '../describe-certificate.ts';
import { exitCode } from '../exit-code.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { prepareToKeep, type CertificateFlags } from '../keep-certificate.ts';
import { openRotation, type OpenRotation } from '../open-rotation.ts';
import type { Output } from '../output.ts';
import { openProgress } from '../progress.ts';
import { shareCensus, type ShareChoices } from '../share-census.ts';
import { certifyCensus, takeCertificate } from '../take-certificate.ts';

/**
 * Reads every record again and prints the certificate, and signs and keeps it as `flags` say; exit 0 only
 * if it is safe to retire the old version.
 */
export async function verify(
  config: KeyturnConfig,
  flags: CertificateFlags & { deep: boolean; fresh: boolean },
  output: Output,
): Promise<number> {
  const keeping = await prepareToKeep(flags);
  const { signal } = listenForInterrupt();
  const rotation = await openRotation(config, 'readOnly');
  try {
    const snapshot = await rotation.broker.ledger.snapshot();
    // Also where a pin is known: a key service learns here how its ciphertexts tell their version.
    const primary = await rotation.choosePin(signal);
    const target = snapshot.pin ?? primary;
    const { records, exact } = await rotation.store.count();
    output.line(`reads ${exact ? '' : 'about '}${records} records; target version ${target.versionId}`);
    const progress = openProgress('verify', { done: 0, total: records }, output);
    const choices = { ...flags, onProgress: (done: number): void => progress.update(done) };
    const certificate = keeping.sign(
      await certifyStore(rotation, snapshot, target, choices, output, signal).finally(progress.stop),
    );
    // First, so that a disk that is full by now costs the file alone.
    output.result(certificate, () => describeCertificate(certificate));
    await keeping.write(certificate);
    return certificate.verdict === 'safe-to-retire' ? exitCode.done : exitCode.notDone;
  } finally {
    await rotation.close();
  }
}

/** By the rotation's workers, else in this process. */
export async function certifyStore(
  rotation: OpenRotation,
  snapshot: LedgerSnapshot,
  target: Pin,
  choices: ShareChoices,
  output: Output,
  signal: AbortSignal,
): Promise<Certificate> {
  const shared = await shareCensus(rotation, snapshot, target, choices, output, signal);
  if (shared !== null) return certifyCensus(rotation, target, shared, choices, signal);
  return takeCertificate(rotation, target, { ...choices, onStale: async () => undefined }, signal);
}
