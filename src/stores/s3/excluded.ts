import type { Excluded } from '../../rotation/ports/record-store.ts';
import type { S3StoreOptions } from './options.ts';

/** The objects of the bucket that are no records. To count them would be a listing of all. */
export function describeExcluded({
  bucket,
  prefix,
  suffix,
  ciphertext,
}: Pick<S3StoreOptions, 'bucket' | 'prefix' | 'suffix' | 'ciphertext'>): Excluded | null {
  const rules = [
    ...(prefix === '' ? [] : [`whose key does not begin with ${JSON.stringify(prefix)} (store.prefix)`]),
    ...(suffix === '' ? [] : [`whose key does not end with ${JSON.stringify(suffix)} (store.suffix)`]),
    ...(ciphertext.kind === 'body' ? [] : [`without the metadata field ${ciphertext.name}`]),
  ];
  if (rules.length === 0) return null;
  return { what: `objects of bucket ${bucket} ${rules.join(', or ')}`, records: null, exact: false };
}
