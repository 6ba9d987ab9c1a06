import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { keyLengths, type Algorithm } from './algorithms.ts';
import { newResourceId } from './resource-id.ts';
import { refusal } from './status.ts';

export type KeyStatus = 'ACTIVE' | 'INACTIVE';
type VersionStatus = 'ACTIVE' | 'SCHEDULED_FOR_DESTRUCTION' | 'DESTROYED';

/** Times here are epoch milliseconds. */
export interface KeyVersion {
  readonly id: string;
  readonly algorithm: Algorithm;
  readonly createdAt: number;
  /** When it is or was to be destroyed; null = never. */
  readonly destroyAt: number | null;
  /** Null once it is destroyed. */
  readonly secret: KeyObject | null;
}

export interface Key {
  readonly id: string;
  readonly folderId: string;
  readonly name: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly status: KeyStatus;
  readonly defaultAlgorithm: Algorithm;
  readonly deletionProtection: boolean;
  readonly createdAt: number;
  /** Oldest first, at least one. */
  readonly versions: readonly KeyVersion[];
  /** Which version became primary when, oldest first; the last one is the primary. */
  readonly primaries: readonly { readonly versionId: string; readonly since: number }[];
}

/** What its creator says of a key. */
export type KeyDescription = Omit<Key, 'status' | 'createdAt' | 'versions' | 'primaries'>;

/** Changes of the primary that are remembered: no lag reaches further back. */
const primariesKept = 100;

export function createKey(described: KeyDescription, now: number): Key {
  const version = newVersion(described.defaultAlgorithm, now);
  return {
    ...described,
    status: 'ACTIVE',
    createdAt: now,
    versions: [version],
    primaries: [{ versionId: version.id, since: now }],
  };
}

export function primaryVersion(key: Key): KeyVersion {
  return findVersion(key, key.primaries.at(-1)?.versionId ?? '');
}

export function findVersion(key: Key, versionId: string): KeyVersion {
  const version = key.versions.find(({ id }) => id === versionId);
  if (version === undefined) throw refusal('NOT_FOUND', 'The key has no such version');
  return version;
}

export function versionStatus(version: KeyVersion, now: number): VersionStatus {
  if (version.secret === null) return 'DESTROYED';
  if (version.destroyAt === null) return 'ACTIVE';
  return version.destroyAt <= now ? 'DESTROYED' : 'SCHEDULED_FOR_DESTRUCTION';
}

/** Makes a new version and makes it primary. */
export function rotateKey(key: Key, now: number): Key {
  const version = newVersion(key.defaultAlgorithm, now);
  return withPrimary({ ...key, versions: [...key.versions, version] }, version.id, now);
}

export function setPrimaryVersion(key: Key, versionId: string, now: number): Key {
  requireStatus(findVersion(key, versionId), 'ACTIVE', now);
  return withPrimary(key, versionId, now);
}

export function scheduleVersionDestruction(key: Key, versionId: string, destroyAt: number, now: number): Key {
  const version = findVersion(key, versionId);
  if (version === primaryVersion(key)) {
    throw refusal('FAILED_PRECONDITION', 'The primary version cannot be destroyed');
  }
  requireStatus(version, 'ACTIVE', now);
  return withVersion(key, { ...version, destroyAt });
}

export function cancelVersionDestruction(key: Key, versionId: string, now: number): Key {
  const version = findVersion(key, versionId);
  requireStatus(version, 'SCHEDULED_FOR_DESTRUCTION', now);
  return withVersion(key, { ...version, destroyAt: null });
}

/** Drops the secrets of the versions whose time has come, so that destroyed means gone. */
export function dropDestroyedSecrets(key: Key, now: number): Key {
  const versions = key.versions.map((version) =>
    versionStatus(version, now) === 'DESTROYED' ? { ...version, secret: null } : version,
  );
  return { ...key, versions };
}

function newVersion(algorithm: Algorithm, now: number): KeyVersion {
  return {
    id: newResourceId('abj'),
    algorithm,
    createdAt: now,
    destroyAt: null,
    secret: createSecretKey(randomBytes(keyLengths[algorithm])),
  };
}

function requireStatus(version: KeyVersion, wanted: VersionStatus, now: number): void {
  const status = versionStatus(version, now);
  if (status !== wanted) throw refusal('FAILED_PRECONDITION', `The key version is ${status}, not ${wanted}`);
}

function withPrimary(key: Key, versionId: string, now: number): Key {
  return { ...key, primaries: [...key.primaries, { versionId, since: now }].slice(-primariesKept) };
}

function withVersion(key: Key, changed: KeyVersion): Key {
  return { ...key, versions: key.versions.map((version) => (version.id === changed.id ? changed : version)) };
}
