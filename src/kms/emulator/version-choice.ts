import type { KeyObject } from 'node:crypto';
import { findVersion, primaryVersion, versionStatus, type Key, type KeyVersion } from './key.ts';
import { refusal } from './status.ts';

/** A version that may be used now, with its secret. */
interface UsableVersion {
  readonly id: string;
  readonly secret: KeyObject;
}

/**
 * The version that an encryption uses: the one asked for, else the primary ("" = not asked for). With a lag
 * the data plane sees changes only `lagMs` later. Until then it takes the primary of before, also for one who
 * asks for a version that it has not seen: so Yandex KMS answers for up to 3 hours after a rotation.
 */
export function chooseForEncryption(key: Key, versionId: string, now: number, lagMs: number): UsableVersion {
  if (versionId === '') return usable(key, seenPrimary(key, now, lagMs), now);
  const asked = findVersion(key, versionId);
  const isSeen = asked.createdAt + lagMs <= now;
  return usable(key, isSeen ? asked : seenPrimary(key, now, lagMs), now);
}

/** The version that a ciphertext names. */
export function chooseForDecryption(key: Key, versionId: string, now: number): UsableVersion {
  const named = key.versions.find(({ id }) => id === versionId);
  if (named === undefined) throw badCiphertext();
  return usable(key, named, now);
}

export function badCiphertext() {
  return refusal('INVALID_ARGUMENT', 'Bad ciphertext');
}

function seenPrimary(key: Key, now: number, lagMs: number): KeyVersion {
  const seen = key.primaries.findLast(({ since }) => since + lagMs <= now) ?? key.primaries[0];
  const version = seen === undefined ? undefined : findVersion(key, seen.versionId);
  return version !== undefined && versionStatus(version, now) === 'ACTIVE' ? version : primaryVersion(key);
}

function usable(key: Key, version: KeyVersion, now: number): UsableVersion {
  if (key.status !== 'ACTIVE') throw refusal('FAILED_PRECONDITION', `The key is ${key.status}`);
  const status = versionStatus(version, now);
  if (status !== 'ACTIVE' || version.secret === null) {
    throw refusal('FAILED_PRECONDITION', `The key version is ${status}`);
  }
  return { id: version.id, secret: version.secret };
}
