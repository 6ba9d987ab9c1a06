import { Fault } from '../../../rotation/faults.ts';
import type { TokenApi, VaultToken } from './token-api.ts';

/** One way to log in. */
export interface Login {
  issue(): Promise<VaultToken>;
  /** What a person can do when it or its tokens are refused, as the second half of a sentence. */
  readonly remedy: string;
}

interface AppRole {
  readonly readRoleId: () => Promise<string>;
  readonly readSecretId: () => Promise<string>;
}

interface KubernetesRole {
  readonly role: string;
  readonly readToken: () => Promise<string>;
}

export function loginByAppRole(api: TokenApi, mount: string, appRole: AppRole): Login {
  const remedy = 'check the role id, secret id and policies of kms.auth.appRole';
  return {
    remedy,
    async issue() {
      const body = {
        role_id: await readCredential(appRole.readRoleId, 'role id of kms.auth.appRole'),
        secret_id: await readCredential(appRole.readSecretId, 'secret id of kms.auth.appRole'),
      };
      return api.login(`${mount}/login`, body, remedy);
    },
  };
}

export function loginByKubernetes(api: TokenApi, mount: string, { role, readToken }: KubernetesRole): Login {
  const remedy =
    'check that the role of kms.auth.kubernetes is bound to this service account, and its policies';
  return {
    remedy,
    async issue() {
      const jwt = await readCredential(readToken, 'service account token of kms.auth.kubernetes');
      return api.login(`${mount}/login`, { role, jwt }, remedy);
    },
  };
}

async function readCredential(read: () => Promise<string>, what: string): Promise<string> {
  const message = `the ${what} is empty or cannot be read; check its file`;
  try {
    const credential = (await read()).trim();
    if (credential !== '') return credential;
  } catch (error) {
    throw new Fault('rotation', 'TOKEN_FILE_UNREADABLE', message, { peer: 'kms', cause: error });
  }
  throw new Fault('rotation', 'TOKEN_FILE_UNREADABLE', message, { peer: 'kms' });
}
