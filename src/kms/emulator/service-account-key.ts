import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { z } from 'zod';
import { newResourceId } from './resource-id.ts';

/** The public half of a service account's authorized key, named as in Yandex's key files. */
export const serviceAccountKeySchema = z.strictObject({
  id: z.string().min(1),
  service_account_id: z.string().min(1),
  /** SPKI as PEM. */
  public_key: z.string().min(1),
});

export type ServiceAccountKey = Readonly<z.infer<typeof serviceAccountKeySchema>>;

/** Makes a service account with one key: what the emulator registers, and the key file for its user. */
export async function makeServiceAccountKey(
  now: number,
): Promise<{ registered: ServiceAccountKey; keyFile: string }> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const id = newResourceId('aje');
  const registered = { id, service_account_id: newResourceId('aje'), public_key: publicKey };
  const keyFile = {
    ...registered,
    created_at: new Date(now).toISOString(),
    key_algorithm: 'RSA_2048',
    // Yandex puts this line before the PEM, and every reader has to cope with it.
    private_key: `PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <${id}>\n${privateKey}`,
  };
  return { registered, keyFile: JSON.stringify(keyFile, null, 2) };
}
