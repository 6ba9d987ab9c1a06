import { duration, filePath, httpUrl } from './scalars.ts';

/** What every KMS's settings have beside its own. */
export function connectionSettings(directory: string) {
  return {
    endpoint: httpUrl,
    caFile: filePath(directory).optional().describe('PEM file of the certificate authority of the endpoints'),
    timeout: duration.prefault('10s').describe('For one call'),
  };
}
