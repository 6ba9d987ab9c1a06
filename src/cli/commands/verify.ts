import { writeFile } from 'node:fs/promises';
import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { exitCode } from '../exit-code.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { openRotation } from '../open-rotation.ts';
import type { Output } from '../output.ts';
import { openProgress } from '../progress.ts';
import { describeCertificate, takeCertificate } from '../take-certificate.ts';

/** Reads every record again and prints the certificate; exit 0 only if it is safe to retire the old version. */
export async function verify(
  config: KeyturnConfig,
  flags: { deep: boolean; out?: string },
  output: Output,
): Promise<number> {
  const { signal } = listenForInterrupt();
  const rotation = await openRotation(config, 'readOnly');
  try {
    const { pin } = await rotation.broker.ledger.snapshot();
    const target = pin ?? (await rotation.choosePin(signal));
    const { records, exact } = await rotation.store.count();
    output.line(`reads ${exact ? '' : 'about '}${records} records; target version ${target.versionId}`);
    const progress = openProgress('verify', { done: 0, total: records }, output);
    const certificate = await takeCertificate(
      rotation,
      target,
      { deep: flags.deep, onStale: async () => undefined, onProgress: (done) => progress.update(done) },
      signal,
    ).finally(progress.stop);
    if (flags.out !== undefined) await writeFile(flags.out, `${JSON.stringify(certificate, null, 2)}\n`);
    output.result(certificate, () => describeCertificate(certificate));
    return certificate.verdict === 'safe-to-retire' ? exitCode.done : exitCode.notDone;
  } finally {
    await rotation.close();
  }
}
