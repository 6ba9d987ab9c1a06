import { z } from 'zod';
import { Fault } from '../../rotation/faults.ts';
import { defaultVersionTemplate } from './version-prefix.ts';

const lowest = z
  .int()
  .nonnegative()
  .nullish()
  .transform((version) => version ?? 0);

/** The reply of `GET <mount>/keys/<key>`, as far as it matters here. Older servers leave some of it out. */
export const keyReply = z
  .object({
    data: z.object({
      latest_version: z.int().positive(),
      /** 0: the latest version at the time. */
      min_encryption_version: lowest,
      min_decryption_version: lowest,
      /** Versions below it were trimmed away. */
      min_available_version: lowest,
      supports_encryption: z.boolean().default(true),
      supports_decryption: z.boolean().default(true),
      soft_deleted: z.boolean().default(false),
      version_template: z
        .string()
        .nullish()
        .transform((template) => template || defaultVersionTemplate),
    }),
  })
  .transform(({ data }) => data);
export type KeyState = z.output<typeof keyReply>;

/** `rotation` fault, which says why, where the key cannot rewrap to this version. */
export function checkKeyState(key: KeyState, version: number): void {
  if (!key.supports_encryption || !key.supports_decryption || key.soft_deleted) {
    throw notUsable('KEY_NOT_USABLE', 'the key cannot encrypt and decrypt; check its type and state');
  }
  if (version > key.latest_version) {
    throw notUsable(
      'VERSION_NOT_FOUND',
      `the key has no version ${version}; its latest is ${key.latest_version}`,
    );
  }
  // What is written under a version that cannot be decrypted is lost to the application.
  const bounds = ['min_encryption_version', 'min_decryption_version', 'min_available_version'] as const;
  for (const bound of bounds) {
    if (version >= key[bound]) continue;
    const message = `version ${version} of the key is below its ${bound}, ${key[bound]}; choose a later target.versionId`;
    throw notUsable('VERSION_NOT_USABLE', message);
  }
}

function notUsable(code: string, message: string): Fault {
  return new Fault('rotation', code, message, { peer: 'kms' });
}
