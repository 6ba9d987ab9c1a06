import type { Certificate } from '../rotation/certificate.ts';
import type { Excluded } from '../rotation/ports/record-store.ts';
import { oneLine } from './one-line.ts';

/** The certificate for a person. */
export function describeCertificate(certificate: Certificate): string {
  const { target, byVersion, records, verdict, excluded, signature } = certificate;
  const versions = Object.entries(byVersion).map(
    ([version, count]) => `  ${count} under ${version}${version === target.versionId ? ' (target)' : ''}`,
  );
  return [
    `${records} records read (${certificate.method}):`,
    ...versions,
    ...(certificate.unreadable > 0 ? [`  ${certificate.unreadable} unreadable`] : []),
    ...(excluded === null ? [] : [`left out: ${describeExcluded(excluded)}`]),
    `verdict: ${verdict}`,
    ...certificate.reasons.map((reason) => `  - ${reason}`),
    ...certificate.caveats.map((caveat) => `note: ${caveat}`),
    ...(signature === null ? [] : [`signed by key ${signature.keyId}`]),
  ].join('\n');
}

/** How many, and by which rule. */
export function describeExcluded({ what, records, exact }: Excluded): string {
  const count = records === null ? '' : `${exact ? '' : 'about '}${records} `;
  return oneLine(`${count}${what}`);
}
