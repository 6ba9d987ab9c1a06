import { randomUUID } from 'node:crypto';
import { Fault } from '../../rotation/faults.ts';
import { decodeUtf8, viewAsBuffer } from '../../rotation/formats/utf8.ts';
import type { ReEncryptItem } from '../../rotation/ports/key-service.ts';
import { parseVersionId } from './version-prefix.ts';

/** One entry of `batch_input`. */
export interface RewrapInput {
  readonly ciphertext: string;
  readonly key_version: number;
  /** Base64; only for derived keys. */
  readonly context?: string;
  /** Comes back with the result. */
  readonly reference?: string;
}

/**
 * Items as the engine takes them, or why it can't, aligned. `rotation` fault where rewrap cannot do what is
 * asked for, since it changes neither key nor context.
 */
export function prepareItems(items: readonly ReEncryptItem[]): (RewrapInput | Fault)[] {
  const withContext = items.some(({ sourceAad }) => sourceAad.length > 0);
  return items.map((item) => {
    checkKeyId(item.keyId);
    checkUnchanged(item);
    return prepareItem(item, withContext);
  });
}

function prepareItem(item: ReEncryptItem, withContext: boolean): RewrapInput | Fault {
  const keyVersion = checkVersionId(item.versionId);
  const ciphertext = decodeUtf8(item.ciphertext);
  if (ciphertext === '') return new Fault('record', 'EMPTY_CIPHERTEXT', 'the ciphertext is empty');
  if (ciphertext === null || decodeUtf8(item.sourceAad) === null) {
    return new Fault('record', 'NOT_TEXT', 'the ciphertext or its AAD is not UTF-8 text; check format');
  }
  const input = { ciphertext, key_version: keyVersion };
  if (!withContext) return input;
  // Vault refuses the whole of a batch in which some items have a context and others not.
  if (item.sourceAad.length === 0) {
    const message = 'this record has no AAD where others have, and Vault wants it for all or for none';
    return new Fault('record', 'CONTEXT_MISSING', message);
  }
  return { ...input, context: viewAsBuffer(item.sourceAad).toString('base64') };
}

/**
 * Marks a call by a reference that no other has, so that a reply to another one (out of a proxy's cache) is
 * known. The first item alone carries it, as servers count the strings of a request, and keep the order.
 */
export function nameCall([first, ...rest]: readonly RewrapInput[]): RewrapInput[] {
  return first === undefined ? [] : [{ ...first, reference: randomUUID() }, ...rest];
}

function checkUnchanged(item: ReEncryptItem): void {
  if (item.sourceKeyId !== item.keyId) {
    throw refuse(
      'KEY_CHANGE',
      'Vault rewraps within one key; name the same in source.keyId and target.keyId',
    );
  }
  if (!viewAsBuffer(item.sourceAad).equals(item.aad)) {
    const message = 'Vault rewrap keeps the context; make source.aadContext and target.aadContext the same';
    throw refuse('AAD_CHANGE', message);
  }
}

/** `rotation` fault for what no key of the engine can be called (sdk/framework, GenericNameRegex). */
export function checkKeyId(keyId: string): void {
  if (!/^\w([\w.-]*\w)?$/.test(keyId)) throw refuse('BAD_ID', 'a key id is no name of a transit key');
}

/** The number of a version; `rotation` fault if it is none. */
export function checkVersionId(versionId: string): number {
  const version = parseVersionId(versionId);
  if (version === null) throw refuse('BAD_ID', 'target.versionId is no version of a transit key, as in "3"');
  return version;
}

function refuse(code: string, message: string): Fault {
  return new Fault('rotation', code, message, { peer: 'kms' });
}
