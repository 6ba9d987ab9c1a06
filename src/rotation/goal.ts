import { Buffer } from 'node:buffer';
import { parseAadTemplate, type AadTemplate } from './aad-template.ts';
import type { ReEncrypted, ReEncryptItem } from './ports/key-service.ts';
import type { StoredRecord } from './record.ts';

/** A key together with the AAD that belongs to each record under it. */
export interface KeyUse {
  readonly keyId: string;
  readonly aad: AadTemplate;
}

/** What every record shall become: from any version of the source to the pinned version of the target. */
export interface Goal {
  readonly source: KeyUse;
  readonly target: KeyUse;
  /** The pin. */
  readonly versionId: string;
  /** The AAD of each record stays what it is, so that the version alone tells whether it is done. */
  readonly keepsAad: boolean;
  /**
   * The keys to try a ciphertext with, in order (invariant 7): source, then target, since the application or
   * an earlier run may have moved it on. One where both are the same.
   */
  readonly keysToTry: readonly KeyUse[];
}

export function createGoal(source: KeyUse, target: KeyUse, versionId: string): Goal {
  const keepsAad = source.aad.text === target.aad.text;
  const inPlace = keepsAad && source.keyId === target.keyId;
  return { source, target, versionId, keepsAad, keysToTry: inPlace ? [target] : [source, target] };
}

const noAad = parseAadTemplate('');

/** The same goal for ciphertexts that are bound to no AAD, whatever the templates say. */
export function withoutAad({ source, target, versionId }: Goal): Goal {
  return createGoal({ ...source, aad: noAad }, { ...target, aad: noAad }, versionId);
}

/**
 * The same goal for a reader that expects most records to have reached it:
 * fewer calls for the same answer.
 */
export function expectReached(goal: Goal): Goal {
  return { ...goal, keysToTry: goal.keysToTry.toReversed() };
}

/**
 * The request that brings a record's ciphertext from `from` to the pin.
 * A NULL in a template is a record fault.
 */
export function requestFor(
  goal: Goal,
  from: KeyUse,
  record: StoredRecord,
  ciphertext: Uint8Array,
): ReEncryptItem {
  const { keyId, aad: template } = goal.target;
  const aad = template.render(record.fields);
  return {
    sourceKeyId: from.keyId,
    sourceAad: from.aad.text === template.text ? aad : from.aad.render(record.fields),
    keyId,
    versionId: goal.versionId,
    aad,
    ciphertext,
  };
}

/** The ciphertext that was sent lies under the pin already: nothing is to be written. */
export function wasOnPin(item: ReEncryptItem, reply: ReEncrypted): boolean {
  return (
    item.sourceKeyId === item.keyId &&
    (item.sourceAad === item.aad || Buffer.compare(item.sourceAad, item.aad) === 0) &&
    reply.sourceKeyId === item.keyId &&
    reply.sourceVersionId === item.versionId
  );
}

/**
 * The ciphertext that came back lies under the pin (invariant 2). A success on another version means that
 * the KMS has not caught up with a change of versions, for up to 3 hours.
 */
export function isOnPin({ keyId, versionId }: ReEncryptItem, reply: ReEncrypted): boolean {
  return reply.keyId === keyId && reply.versionId === versionId && reply.ciphertext.length > 0;
}
