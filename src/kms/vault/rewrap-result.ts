import { z } from 'zod';
import { Fault } from '../../rotation/faults.ts';
import type { ReEncryptResult } from '../../rotation/ports/key-service.ts';
import { createItemFault } from './item-fault.ts';
import type { RewrapInput } from './rewrap-input.ts';
import type { VersionPrefix } from './version-prefix.ts';

const rewrapResult = z.object({
  ciphertext: z.string().nullish(),
  key_version: z.int().nullish(),
  error: z.string().nullish(),
  reference: z.string().nullish(),
});
type RewrapResult = z.output<typeof rewrapResult>;

/** The reply of `POST <mount>/rewrap/<key>` to a batch. */
export const rewrapReply = z
  .object({ data: z.object({ batch_results: z.array(rewrapResult) }) })
  .transform(({ data }) => data.batch_results);

/**
 * Throws a transient `BAD_REPLY` where the results are those of another call. Old servers give no
 * reference back.
 */
export function checkReference(
  [input]: readonly Pick<RewrapInput, 'reference'>[],
  [result]: readonly RewrapResult[],
): void {
  if (result?.reference && result.reference !== input?.reference) throw createMisfit();
}

/**
 * What became of each input, aligned; `results` are those of the inputs that are no faults. A reply that does
 * not fit the inputs or itself is a transient `BAD_REPLY`.
 */
export function readResults(
  keyId: string,
  inputs: readonly (RewrapInput | Fault)[],
  results: readonly RewrapResult[],
  prefix: VersionPrefix,
): ReEncryptResult[] {
  const rest = results.values();
  const read = inputs.map((input) =>
    input instanceof Fault ? input : readResult(keyId, input, rest.next().value, prefix),
  );
  if (rest.next().done !== true) throw createMisfit();
  return read;
}

function readResult(
  keyId: string,
  input: RewrapInput,
  result: RewrapResult | undefined,
  prefix: VersionPrefix,
): ReEncryptResult {
  if (result?.error) return createItemFault(result.error);
  const ciphertext = result?.ciphertext ?? '';
  const versionId = prefix.read(ciphertext);
  // The number beside a ciphertext, which older servers leave out, must be the one in its prefix.
  if (versionId === null || String(result?.key_version ?? versionId) !== versionId) throw createMisfit();
  return {
    keyId,
    versionId,
    sourceKeyId: keyId,
    // Vault decrypts with this very version: that it could is the proof.
    sourceVersionId: prefix.readLeniently(input.ciphertext),
    ciphertext: Buffer.from(ciphertext),
  };
}

function createMisfit(): Fault {
  const message = 'Vault answered with results that do not fit the request or contradict themselves';
  return new Fault('transient', 'BAD_REPLY', message, { peer: 'kms' });
}
