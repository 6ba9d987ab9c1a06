import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { describeCertificate } from '../describe-certificate.ts';
import { exitCode } from '../exit-code.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { prepareToKeep, type CertificateFlags } from '../keep-certificate.ts';
import { openRotation } from '../open-rotation.ts';
import type { Output } from '../output.ts';
import { openProgress } from '../progress.ts';
import { takeCertificate } from '../take-certificate.ts';

/**
 * Reads every record again and prints the certificate, and signs and keeps it as `flags` say; exit 0 only
 * if it is safe to retire the old version.
 */
export async function verify(
  config: KeyturnConfig,
  flags: CertificateFlags & { deep: boolean },
  output: Output,
): Promise<number> {
  const keeping = await prepareToKeep(flags);
  const { signal } = listenForInterrupt();
  const rotation = await openRotation(config, 'readOnly');
  try {
    const { pin } = await rotation.broker.ledger.snapshot();
    // Also where a pin is known: a key service learns here how its ciphertexts tell their version.
    const primary = await rotation.choosePin(signal);
    const target = pin ?? primary;
    const { records, exact } = await rotation.store.count();
    output.line(`reads ${exact ? '' : 'about '}${records} records; target version ${target.versionId}`);
    const progress = openProgress('verify', { done: 0, total: records }, output);
    const taken = await takeCertificate(
      rotation,
      target,
      { deep: flags.deep, onStale: async () => undefined, onProgress: (done) => progress.update(done) },
      signal,
    ).finally(progress.stop);
    const certificate = keeping.sign(taken);
    // First, so that a disk that is full by now costs the file alone.
    output.result(certificate, () => describeCertificate(certificate));
    await keeping.write(certificate);
    return certificate.verdict === 'safe-to-retire' ? exitCode.done : exitCode.notDone;
  } finally {
    await rotation.close();
  }
}
