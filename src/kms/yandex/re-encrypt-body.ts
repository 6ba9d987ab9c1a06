import { viewAsBuffer } from '../../rotation/formats/utf8.ts';
import type { ReEncryptItem } from '../../rotation/ports/key-service.ts';
import { checkAad, checkCiphertext, checkId } from './limits.ts';

/**
 * The JSON of a reEncrypt. Throws a `Fault` of class `record` or `rotation` where the API would not take it. By hand,
 * since each record passes here: what needs no escape, as base64, is not looked at for any, and what is the same for all
 * records of a rotation is checked and written once.
 */
export function createWriteReEncryptBody(): (item: ReEncryptItem) => string {
  let last = { keyId: '', versionId: '', sourceKeyId: '', json: '' };

  function writeKeys(item: ReEncryptItem): string {
    const { keyId, sourceKeyId, versionId } = item;
    if (keyId !== last.keyId || versionId !== last.versionId || sourceKeyId !== last.sourceKeyId) {
      checkId(keyId, 'target key id');
      checkId(versionId, 'target version id');
      checkId(sourceKeyId, 'source key id');
      const json = `"versionId":${JSON.stringify(versionId)},"sourceKeyId":${JSON.stringify(sourceKeyId)},`;
      last = { keyId, versionId, sourceKeyId, json };
    }
    return last.json;
  }

  return (item) => {
    const { aad, ciphertext, sourceAad } = item;
    checkAad(sourceAad);
    checkAad(aad);
    checkCiphertext(ciphertext);
    const keys = writeKeys(item);
    const context = encode(aad);
    const sourceContext = sourceAad === aad ? context : encode(sourceAad);
    return (
      `{${keys}${context && `"aadContext":"${context}",`}` +
      `${sourceContext && `"sourceAadContext":"${sourceContext}",`}"ciphertext":"${encode(ciphertext)}"}`
    );
  };
}

/** As the API has bytes. */
export function encode(bytes: Uint8Array): string {
  return viewAsBuffer(bytes).toString('base64');
}
