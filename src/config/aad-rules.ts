import type { z } from 'zod';
import { parseAadTemplate } from '../rotation/aad-template.ts';
import { usesTemplateAad } from '../rotation/formats/uses-template-aad.ts';
import type { KeyturnConfig, StoreConfig } from './keyturn-config.ts';

/** What keys and AAD may be, given the KMS, the store and the format. */
export function checkAad(
  config: Pick<KeyturnConfig, 'kms' | 'source' | 'target' | 'store' | 'format'>,
  context: z.core.$RefinementCtx,
): void {
  const { kms, source, target, store, format } = config;
  const refuse = (path: string[], message: string): void =>
    context.addIssue({ code: 'custom', path, message });
  const changesAad = (source.aadContext ?? '') !== (target.aadContext ?? '');

  for (const side of ['source', 'target'] as const) {
    const { fields } = parseAadTemplate(config[side].aadContext ?? '');
    const problem = fields.map((field) => fieldProblem(store, field)).find((each) => each !== null);
    if (problem !== undefined && problem !== null) refuse([side, 'aadContext'], problem);
    if (kms.provider === 'yandex' && config[side].keyId.length > 50)
      // The API reference: keyId is at most 50 characters in every method.
      refuse([side, 'keyId'], 'must have at most 50 characters; shorten it');
  }
  if (changesAad && !usesTemplateAad(format))
    refuse(
      ['target', 'aadContext'],
      'differs from that of source, but Tink wraps its keys without AAD, and payloads stay as they are; make both the same, or leave both out',
    );
  if (kms.provider !== 'vault') return;
  if (target.keyId !== source.keyId)
    refuse(['target', 'keyId'], 'differs from source.keyId; the transit engine rewraps within one key');
  if (changesAad)
    refuse(
      ['target', 'aadContext'],
      'differs from that of source; the transit engine keeps the context when it rewraps',
    );
  if (target.versionId !== null && !/^[1-9]\d*$/.test(target.versionId))
    refuse(['target', 'versionId'], 'is no version of a transit key; give a number in quotes, such as "3"');
}

/** AAD over what a rotation itself writes would be another one as soon as the record is written. */
function fieldProblem(store: StoreConfig, field: string): string | null {
  switch (store.type) {
    case 'postgres':
      return field === store.column || field === store.versionColumn
        ? 'names a column that the rotation writes; name columns that stay as they are'
        : null;
    case 's3':
      if (store.ciphertext.kind === 'metadata' && field === `metadata.${store.ciphertext.name}`)
        return 'names the metadata that the rotation writes; name what stays as it is';
      return field === 'key' || field.startsWith('metadata.')
        ? null
        : `names {${field}}, which an object has not; use {key} or {metadata.name}`;
    case 'module':
      return null;
  }
}
