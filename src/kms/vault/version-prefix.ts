/** What a key puts in front of its ciphertexts unless it has a `version_template` of its own. */
export const defaultVersionTemplate = 'vault:v{{version}}:';

/** A version as our ids have it: decimal, from 1 on, without leading zeros. */
const versionId = /^[1-9]\d{0,8}$/;
/** Nonce (12 bytes) and tag (16) alone take 40 characters of base64, so less is cut off. */
const shortestPayload = 40;

export interface VersionPrefix {
  /** The version of a ciphertext that is whole by its looks; null on anything unexpected. */
  read(ciphertext: string): string | null;
  /** The version with which the server opens the ciphertext; empty if it could not be told. */
  readLeniently(ciphertext: string): string;
}

/** `template` has `{{version}}` once, with text on both sides; with another one nothing can be read. */
export function createVersionPrefix(template: string): VersionPrefix {
  const [before = '', after = ''] = template.split('{{version}}');

  function split(ciphertext: string): readonly [version: string, rest: string] | null {
    if (!ciphertext.startsWith(before)) return null;
    const end = ciphertext.indexOf(after, before.length);
    return end < 0 ? null : [ciphertext.slice(before.length, end), ciphertext.slice(end + after.length)];
  }

  return {
    read(ciphertext) {
      const [version, rest] = split(ciphertext) ?? ['', ''];
      return versionId.test(version) && isPayload(rest) ? version : null;
    },
    readLeniently(ciphertext) {
      const [version] = split(ciphertext) ?? [''];
      // keysutil/policy.go: key versions once began at 0, so 0 stands for the first.
      return /^\d{1,9}$/.test(version) ? String(Math.max(Number(version), 1)) : '';
    },
  };
}

function isPayload(text: string): boolean {
  return text.length >= shortestPayload && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}

/** The number of a version id; null if it is none. */
export function parseVersionId(text: string): number | null {
  return versionId.test(text) ? Number(text) : null;
}
