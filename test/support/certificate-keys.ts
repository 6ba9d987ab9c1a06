import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface KeyFiles {
  readonly folder: string;
  readonly privateFile: string;
  readonly publicFile: string;
}

/** A new pair of keys of a kind, in files as openssl writes them, in a folder of their own. */
export async function writeKeyFiles(kind: 'ed25519' | 'x25519' = 'ed25519'): Promise<KeyFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'keyturn-keys-'));
  const [privateFile, publicFile] = [join(folder, 'sign.pem'), join(folder, 'sign.pub.pem')];
  // Two calls, as the types of `generateKeyPairSync` know one kind each.
  const { privateKey, publicKey } =
    kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519');
  await writeFile(privateFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(publicFile, publicKey.export({ type: 'spki', format: 'pem' }));
  return { folder, privateFile, publicFile };
}
