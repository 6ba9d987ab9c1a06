import { z } from 'zod';
import type { VaultAuth, VaultKmsConfig } from './keyturn-config.ts';
import { filePath, headerText, text } from './scalars.ts';
import { checkExactlyOne, connectionSettings, exactlyOne, toConnection } from './kms-connection-schema.ts';

const ways = ['token', 'appRole', 'kubernetes'] as const;
const mountProblem = 'is no mount path; write for example transit or teams/a/transit';

type AuthSettings = z.output<ReturnType<typeof createAuthObject>>;

/** HashiCorp Vault or OpenBao, the transit engine. */
export function createVaultSchema(directory: string) {
  const { endpoint, ...connection } = connectionSettings(directory);
  return z
    .strictObject({
      provider: z.literal('vault'),
      endpoint: endpoint.describe('Address of the server, as in VAULT_ADDR'),
      mount: mountPath('transit').describe('Where the transit engine is mounted'),
      namespace: headerText.optional().describe('Namespace of the mount (Vault Enterprise, HCP, OpenBao)'),
      auth: createAuthObject(directory).meta(exactlyOne(ways)).transform(toAuth),
      ...connection,
    })
    .transform(({ namespace, ...kms }): VaultKmsConfig => ({
      ...toConnection(kms),
      namespace: namespace ?? null,
    }));
}

function mountPath(standard: string) {
  return text.regex(/^[\w.~-]+(\/[\w.~-]+)*$/, mountProblem).prefault(standard);
}

function createAuthObject(directory: string) {
  return z.strictObject({
    token: headerText.optional().describe('A token; renewed as long as it can be'),
    appRole: z
      .strictObject({
        roleIdFile: filePath(directory).describe('File with the role id'),
        secretIdFile: filePath(directory).describe('File with the secret id'),
        mount: mountPath('approle').describe('Where AppRole is mounted'),
      })
      .optional()
      .describe('Login by AppRole'),
    kubernetes: z
      .strictObject({
        role: text.describe('Role of the Kubernetes auth method'),
        tokenFile: filePath(directory)
          .prefault('/var/run/secrets/kubernetes.io/serviceaccount/token')
          .describe("The pod's token"),
        mount: mountPath('kubernetes').describe('Where Kubernetes auth is mounted'),
      })
      .optional()
      .describe("Login by the pod's service account"),
  });
}

function toAuth(auth: AuthSettings, context: z.core.$RefinementCtx): VaultAuth {
  checkExactlyOne(ways, auth, context);
  const { token, appRole, kubernetes } = auth;
  if (token !== undefined) return { kind: 'token', token };
  if (appRole !== undefined) return { kind: 'appRole', ...appRole };
  if (kubernetes !== undefined) return { kind: 'kubernetes', ...kubernetes };
  return z.NEVER;
}
