import { algorithmNumbers } from './algorithms.ts';
import type { Key, KeyDescription, KeyStatus } from './key.ts';
import {
  readBoolean,
  readEnum,
  readFieldMask,
  readLabels,
  readString,
  type Message,
} from './message-fields.ts';
import { maxIdLength, newResourceId } from './resource-id.ts';
import { refusal } from './status.ts';

/** Where keys are and are looked for when a request names no folder. */
export const defaultFolderId = 'emulator';

/** Numbers of SymmetricKey.Status; CREATING (1) cannot be asked for. */
const statusNumbers: Readonly<Record<KeyStatus, number>> = { ACTIVE: 2, INACTIVE: 3 };

/** What CreateSymmetricKeyRequest says of the new key. */
export function readNewKey(request: Message): KeyDescription {
  return {
    id: newResourceId('abj'),
    folderId: readFolderId(request),
    name: readName(request),
    description: readDescription(request),
    labels: readLabels(request, 'labels'),
    defaultAlgorithm: readEnum(request, 'defaultAlgorithm', algorithmNumbers),
    deletionProtection: readBoolean(request, 'deletionProtection'),
  };
}

export function readFolderId(request: Message): string {
  return readString(request, 'folderId', maxIdLength) || defaultFolderId;
}

/**
 * What UpdateSymmetricKeyRequest changes:
 * the fields that its updateMask names, absent ones to their default.
 */
export function readKeyUpdate(request: Message): Partial<Key> {
  const updates = readFieldMask(request, 'updateMask').map((path): Partial<Key> => {
    switch (path) {
      case 'name':
        return { name: readName(request) };
      case 'description':
        return { description: readDescription(request) };
      case 'labels':
        return { labels: readLabels(request, 'labels') };
      case 'status':
        return { status: readEnum(request, 'status', statusNumbers) };
      case 'defaultAlgorithm':
        return { defaultAlgorithm: readEnum(request, 'defaultAlgorithm', algorithmNumbers) };
      case 'deletionProtection':
        return { deletionProtection: readBoolean(request, 'deletionProtection') };
      default:
        throw refusal('INVALID_ARGUMENT', 'updateMask names a field that cannot be updated');
    }
  });
  return Object.assign({}, ...updates);
}

function readName(request: Message): string {
  return readString(request, 'name', 100);
}

function readDescription(request: Message): string {
  return readString(request, 'description', 1024);
}
