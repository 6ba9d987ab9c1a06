import { readPublicKey } from '../certificate-key.ts';
import { checkCertificate } from '../check-certificate.ts';
import { exitCode } from '../exit-code.ts';
import { readNamedFile } from '../named-file.ts';
import type { Output } from '../output.ts';
import { toolVersion } from '../tool-version.ts';

/** Says whether a certificate is what the owner of the key signed; exit 0 only then, whatever its verdict. */
export async function verifyCertificate(
  file: string,
  flags: { publicKey: string },
  output: Output,
): Promise<number> {
  const publicKey = await readPublicKey(flags.publicKey);
  const check = checkCertificate(
    await readNamedFile('the certificate', file),
    publicKey,
    `keyturn ${toolVersion()}`,
  );
  if (check.kind === 'genuine') {
    const { rotation, verdict, records, finishedAt, signature } = check.certificate;
    const keyId = signature?.keyId ?? null;
    output.result(
      { genuine: true, problem: null, rotation, verdict, keyId },
      () =>
        `${file} is genuine: rotation ${rotation}, ${verdict}, ${records} records, ${finishedAt}; signed by ${keyId}`,
    );
    return exitCode.done;
  }
  output.result({ genuine: false, problem: check.kind, why: check.why }, () => `${file} ${check.why}`);
  return exitCode.notDone;
}
