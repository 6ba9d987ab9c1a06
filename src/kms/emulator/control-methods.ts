import {
  cancelVersionDestruction,
  createKey,
  findVersion,
  primaryVersion,
  rotateKey,
  scheduleVersionDestruction,
  setPrimaryVersion,
} from './key.ts';
import { readFolderId, readKeyUpdate, readNewKey } from './key-request.ts';
import { doneOperation, keyResource, timestamp, versionResource } from './key-resource.ts';
import type { KeyStore } from './key-store.ts';
import { readDurationMs, readRequiredString, type Message } from './message-fields.ts';
import { pageOf } from './page.ts';
import { maxIdLength } from './resource-id.ts';

const defaultPendingPeriodMs = 7 * 24 * 60 * 60 * 1000;

interface ControlContext {
  readonly store: KeyStore;
  /** Epoch milliseconds. */
  readonly now: number;
}

type ControlMethod = (context: ControlContext, keyId: string, request: Message) => object | Promise<object>;

/**
 * The methods of yandex.cloud.kms.v1.SymmetricKeyService on one key, by HTTP verb and what stands behind the
 * key in the path.
 */
export const controlMethods: ReadonlyMap<string, ControlMethod> = new Map<string, ControlMethod>([
  ['GET ', getKey],
  ['PATCH ', updateKey],
  ['GET /versions', listVersions],
  ['POST :rotate', rotate],
  ['POST :setPrimaryVersion', setPrimary],
  ['POST :scheduleVersionDestruction', scheduleDestruction],
  ['POST :cancelVersionDestruction', cancelDestruction],
]);

/** Keys of the folder asked for. */
export function listKeys({ store, now }: ControlContext, request: Message) {
  const folderId = readFolderId(request);
  const { page, nextPageToken } = pageOf(
    store.keys().filter((key) => key.folderId === folderId),
    request,
  );
  return { keys: page.map((key) => keyResource(key, now)), nextPageToken };
}

export async function addKey({ store, now }: ControlContext, request: Message) {
  const key = await store.addKey(createKey(readNewKey(request), now));
  const mutation = {
    description: 'Create symmetric key',
    metadataType: 'CreateSymmetricKeyMetadata',
    metadata: { keyId: key.id, primaryVersionId: primaryVersion(key).id },
  };
  return doneOperation(mutation, 'SymmetricKey', keyResource(key, now), now);
}

function getKey({ store, now }: ControlContext, keyId: string) {
  return keyResource(store.findKey(keyId), now);
}

function listVersions({ store, now }: ControlContext, keyId: string, request: Message) {
  const key = store.findKey(keyId);
  const { page, nextPageToken } = pageOf(key.versions, request);
  return { keyVersions: page.map((version) => versionResource(key, version, now)), nextPageToken };
}

async function updateKey({ store, now }: ControlContext, keyId: string, request: Message) {
  const update = readKeyUpdate(request);
  const key = await store.changeKey(keyId, (key) => ({ ...key, ...update }));
  const mutation = {
    description: 'Update symmetric key',
    metadataType: 'UpdateSymmetricKeyMetadata',
    metadata: { keyId },
  };
  return doneOperation(mutation, 'SymmetricKey', keyResource(key, now), now);
}

async function rotate({ store, now }: ControlContext, keyId: string) {
  const key = await store.changeKey(keyId, (key) => rotateKey(key, now));
  const mutation = {
    description: 'Rotate symmetric key',
    metadataType: 'RotateSymmetricKeyMetadata',
    metadata: { keyId, newPrimaryVersionId: primaryVersion(key).id },
  };
  return doneOperation(mutation, 'SymmetricKey', keyResource(key, now), now);
}

async function setPrimary({ store, now }: ControlContext, keyId: string, request: Message) {
  const versionId = readVersionId(request);
  const key = await store.changeKey(keyId, (key) => setPrimaryVersion(key, versionId, now));
  const mutation = {
    description: 'Set primary version',
    metadataType: 'SetPrimarySymmetricKeyVersionMetadata',
    metadata: { keyId, versionId },
  };
  return doneOperation(mutation, 'SymmetricKey', keyResource(key, now), now);
}

async function scheduleDestruction({ store, now }: ControlContext, keyId: string, request: Message) {
  const versionId = readVersionId(request);
  const destroyAt = now + (readDurationMs(request, 'pendingPeriod') ?? defaultPendingPeriodMs);
  const key = await store.changeKey(keyId, (key) =>
    scheduleVersionDestruction(key, versionId, destroyAt, now),
  );
  const mutation = {
    description: 'Schedule version destruction',
    metadataType: 'ScheduleSymmetricKeyVersionDestructionMetadata',
    metadata: { keyId, versionId, destroyAt: timestamp(destroyAt) },
  };
  const version = versionResource(key, findVersion(key, versionId), now);
  return doneOperation(mutation, 'SymmetricKeyVersion', version, now);
}

async function cancelDestruction({ store, now }: ControlContext, keyId: string, request: Message) {
  const versionId = readVersionId(request);
  const key = await store.changeKey(keyId, (key) => cancelVersionDestruction(key, versionId, now));
  const mutation = {
    description: 'Cancel version destruction',
    metadataType: 'CancelSymmetricKeyVersionDestructionMetadata',
    metadata: { keyId, versionId },
  };
  const version = versionResource(key, findVersion(key, versionId), now);
  return doneOperation(mutation, 'SymmetricKeyVersion', version, now);
}

function readVersionId(request: Message): string {
  return readRequiredString(request, 'versionId', maxIdLength);
}
