import type { Certificate } from '../rotation/certificate.ts';

/** The certificate for a person. */
export function describeCertificate(certificate: Certificate): string {
  const { target, byVersion, records, verdict } = certificate;
  const versions = Object.entries(byVersion).map(
    ([version, count]) => `  ${count} under ${version}${version === target.versionId ? ' (target)' : ''}`,
  );
  return [
    `${records} records read (${certificate.method}):`,
    ...versions,
    ...(certificate.unreadable > 0 ? [`  ${certificate.unreadable} unreadable`] : []),
    `verdict: ${verdict}`,
    ...certificate.reasons.map((reason) => `  - ${reason}`),
    ...certificate.caveats.map((caveat) => `note: ${caveat}`),
  ].join('\n');
}
