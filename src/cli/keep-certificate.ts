import type { Certificate } from '../rotation/certificate.ts';
import { readSignKey } from './certificate-key.ts';
import { renderPage } from './certificate-page.ts';
import { openOutFile } from './out-file.ts';
import { signCertificate } from './sign-certificate.ts';

/** What the user wants of the certificate. */
export interface CertificateFlags {
  /** The file to write it to: a page where its name ends in `.md`, else JSON. */
  readonly out?: string | undefined;
  /** The file of the private key to sign it with. */
  readonly signKey?: string | undefined;
}

export interface CertificateKeeping {
  /** Unchanged where there is no key. */
  sign(certificate: Certificate): Certificate;
  /** Writes nothing where there is no file. */
  write(certificate: Certificate): Promise<void>;
}

/** For a certificate that is shown and no more. */
export const keepNothing: CertificateKeeping = {
  sign: (certificate) => certificate,
  write: async () => undefined,
};

/**
 * Reads the key and proves that the file can be written, or throws a usage fault: call it before all else, as
 * a census may take hours.
 */
export async function prepareToKeep({ out, signKey }: CertificateFlags): Promise<CertificateKeeping> {
  const key = signKey === undefined ? null : await readSignKey(signKey);
  const writeOut = out === undefined ? null : await openOutFile(out);
  return {
    sign: (certificate) => (key === null ? certificate : signCertificate(certificate, key)),
    async write(certificate) {
      const isPage = out?.toLowerCase().endsWith('.md') === true;
      await writeOut?.(isPage ? renderPage(certificate) : `${JSON.stringify(certificate, null, 2)}\n`);
    },
  };
}
