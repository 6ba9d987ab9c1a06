import { maxIdLength } from './resource-id.ts';
import { refusal } from './status.ts';

/** Where the keys lie; a key's own path goes on with "/" and its id. */
export const keysPath = '/kms/v1/keys';

interface KeyPath {
  /** Percent-decoded, not empty, 50 characters at most. */
  readonly keyId: string;
  /** What stands behind the key: ":encrypt", "/versions", or "" for the key itself. */
  readonly action: string;
}

/**
 * Splits the path of a key's method. It is done by hand on the raw URL because a router decodes first, and
 * would take an encoded colon or slash in a key id for the end of it. Null if the path is no key's.
 */
export function splitKeyPath(url: string): KeyPath | null {
  const [path = ''] = url.split('?', 1);
  const match = path.startsWith(`${keysPath}/`)
    ? /^([^/]*?)(:[^/:]*|\/.*)?$/.exec(path.slice(keysPath.length + 1))
    : null;
  if (match === null) return null;
  const [, encodedKeyId = '', action = ''] = match;
  const keyId = decodeURIComponent(encodedKeyId);
  if (keyId === '' || keyId.length > maxIdLength) {
    throw refusal('INVALID_ARGUMENT', `keyId must have 1 to ${maxIdLength} characters`);
  }
  return { keyId, action };
}
