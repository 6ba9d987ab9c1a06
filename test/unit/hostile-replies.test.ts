import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { checkBound } from '../../src/rotation/calls/bound-reply.ts';
import { Fault } from '../../src/rotation/faults.ts';
import type { KeyService, ReEncryptItem } from '../../src/rotation/ports/key-service.ts';
import { readHostile } from '../support/hostile-vectors.ts';
import { startVault } from '../support/vault-service.ts';
import { never, someItem, startYandex } from '../support/yandex-service.ts';

const reply = z.strictObject({
  name: z.string(),
  status: z.int(),
  /** Pieces of the body, or a piece and how often. */
  body: z.array(z.union([z.string(), z.tuple([z.string(), z.int()])])),
  /** `taken`, `another version` (taken, but not on the pin), or the code of the fault. */
  outcome: z.string(),
});
const replies = readHostile(
  'kms-replies.json',
  z.strictObject({ yandex: z.array(reply), vault: z.array(reply) }),
);

function bodyOf({ body }: z.output<typeof reply>): string {
  return body.map((piece) => (typeof piece === 'string' ? piece : piece[0].repeat(piece[1]))).join('');
}

async function outcomeOf(service: KeyService, item: ReEncryptItem): Promise<string> {
  const result = await service
    .reEncrypt([item], never)
    .then((results) => {
      checkBound(service, [item], results);
      return results[0];
    })
    .catch((error: unknown) => error);
  if (result instanceof Fault) {
    // What is wrong with a reply passes; what is wrong with its item is the record's.
    expect(result.faultClass).toBe(result.code === 'BAD_REPLY' ? 'transient' : 'record');
    expect(inspect(result)).not.toContain('AQIDBA');
    return result.code;
  }
  const { versionId } = z.object({ versionId: z.string() }).parse(result);
  return versionId === item.versionId ? 'taken' : 'another version';
}

describe('a reply of Yandex KMS', () => {
  test.each(replies.yandex)('$name: $outcome', async (vector) => {
    const { service } = await startYandex((response) =>
      response.writeHead(vector.status).end(vector.status === 204 ? undefined : bodyOf(vector)),
    );
    expect(await outcomeOf(service, someItem)).toBe(vector.outcome);
  });
});

describe('a reply of Vault', () => {
  test.each(replies.vault)('$name: $outcome', async (vector) => {
    const { vault, service, makeItem } = await startVault();
    const item = await makeItem();
    vault.instead = ({ path }) =>
      path.includes('/rewrap/') ? { status: vector.status, body: bodyOf(vector) } : null;
    expect(await outcomeOf(service, item)).toBe(vector.outcome);
  });
});
