import type { AadTemplate } from './aad-template.ts';
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
  /** Source and target have the same key and the same AAD: one call tells and does all. */
  readonly inPlace: boolean;
  /**
   * The keys to try a ciphertext with, in order (invariant 7): source, then target, since the application or
   * an earlier run may have moved it on.
   */
  readonly keysToTry: readonly KeyUse[];
}

export function createGoal(source: KeyUse, target: KeyUse, versionId: string): Goal {
  const inPlace = source.keyId === target.keyId && source.aad.text === target.aad.text;
  return { source, target, versionId, inPlace, keysToTry: inPlace ? [target] : [source, target] };
}

/** The same goal for a reader that expects most records to have reached it: fewer calls for the same answer. */
export function expectReached(goal: Goal): Goal {
  return { ...goal, keysToTry: goal.keysToTry.toReversed() };
}

/** The request that brings a record's ciphertext from `from` to the pin. A NULL in a template is a record fault. */
export function requestFor(
  goal: Goal,
  from: KeyUse,
  record: StoredRecord,
  ciphertext: Uint8Array,
): ReEncryptItem {
  return {
    sourceKeyId: from.keyId,
    sourceAad: from.aad.render(record.fields),
    keyId: goal.target.keyId,
    versionId: goal.versionId,
    aad: goal.target.aad.render(record.fields),
    ciphertext,
  };
}

/** The ciphertext that was sent lies under the pin already: nothing is to be written. */
export function wasOnPin(goal: Goal, from: KeyUse, reply: ReEncrypted): boolean {
  return (
    from.keyId === goal.target.keyId &&
    from.aad.text === goal.target.aad.text &&
    reply.sourceKeyId === goal.target.keyId &&
    reply.sourceVersionId === goal.versionId
  );
}

/**
 * The ciphertext that came back lies under the pin (invariant 2). A success on another version means that
 * the KMS has not caught up with a change of versions, for up to 3 hours.
 */
export function isOnPin(goal: Goal, reply: ReEncrypted): boolean {
  return (
    reply.keyId === goal.target.keyId && reply.versionId === goal.versionId && reply.ciphertext.length > 0
  );
}
