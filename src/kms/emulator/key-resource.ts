import { randomUUID } from 'node:crypto';
import { primaryVersion, versionStatus, type Key, type KeyVersion } from './key.ts';

const packageUrl = 'type.googleapis.com/yandex.cloud.kms.v1';

/** A yandex.cloud.kms.v1.SymmetricKey as JSON. */
export function keyResource(key: Key, now: number) {
  return {
    id: key.id,
    folderId: key.folderId,
    createdAt: timestamp(key.createdAt),
    name: key.name,
    description: key.description,
    labels: key.labels,
    status: key.status,
    primaryVersion: versionResource(key, primaryVersion(key), now),
    defaultAlgorithm: key.defaultAlgorithm,
    rotatedAt: timestamp(key.versions.at(-1)?.createdAt ?? key.createdAt),
    deletionProtection: key.deletionProtection,
  };
}

/**
 * A yandex.cloud.kms.v1.SymmetricKeyVersion as JSON.
 * `destroyAt` is there only while destruction is scheduled.
 */
export function versionResource(key: Key, version: KeyVersion, now: number) {
  const status = versionStatus(version, now);
  const scheduled = status === 'SCHEDULED_FOR_DESTRUCTION' && version.destroyAt !== null;
  return {
    id: version.id,
    keyId: key.id,
    status,
    algorithm: version.algorithm,
    createdAt: timestamp(version.createdAt),
    primary: version === primaryVersion(key),
    ...(scheduled ? { destroyAt: timestamp(version.destroyAt) } : {}),
    hostedByHsm: version.algorithm === 'AES_256_HSM',
  };
}

/** What a mutation did: the name of its metadata message without the package, and that message's fields. */
interface Mutation {
  readonly description: string;
  readonly metadataType: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * A yandex.cloud.operation.Operation that is done already:
 * mutations of the control plane are immediate here.
 */
export function doneOperation(
  mutation: Mutation,
  responseType: 'SymmetricKey' | 'SymmetricKeyVersion',
  response: object,
  now: number,
) {
  return {
    id: randomUUID(),
    description: mutation.description,
    createdAt: timestamp(now),
    createdBy: 'emulator',
    modifiedAt: timestamp(now),
    done: true,
    metadata: { '@type': `${packageUrl}.${mutation.metadataType}`, ...mutation.metadata },
    response: { '@type': `${packageUrl}.${responseType}`, ...response },
  };
}

export function timestamp(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
