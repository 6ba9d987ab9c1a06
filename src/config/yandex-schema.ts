import { z } from 'zod';
import { checkExactlyOne, connectionSettings, exactlyOne, toConnection } from './kms-connection-schema.ts';
import type { YandexAuthConfig, YandexKmsConfig } from './keyturn-config.ts';
import { filePath, headerText, httpUrl, text } from './scalars.ts';

const iamEndpoint = 'https://iam.api.cloud.yandex.net';
const metadataEndpoint = 'http://169.254.169.254';
const ways = ['iamToken', 'serviceAccountKeyFile', 'metadata', 'workloadIdentity'] as const;

type AuthSettings = z.output<ReturnType<typeof createAuthObject>>;

/** Yandex Cloud KMS, or an emulator of it. */
export function createYandexSchema(directory: string) {
  const { endpoint, ...connection } = connectionSettings(directory);
  return z
    .strictObject({
      provider: z.literal('yandex'),
      endpoint: endpoint.prefault('https://kms.yandex').describe('URL of the KMS data plane'),
      auth: createAuthObject(directory).meta(exactlyOne(ways)).transform(toAuth),
      ...connection,
    })
    .transform((kms): YandexKmsConfig => toConnection(kms));
}

function createAuthObject(directory: string) {
  return z.strictObject({
    iamToken: headerText.optional().describe('An IAM token, which lives 12 hours at most'),
    serviceAccountKeyFile: filePath(directory)
      .optional()
      .describe('Authorized key of a service account, as JSON'),
    iamEndpoint: httpUrl.optional().describe(`Where the key is exchanged; default ${iamEndpoint}`),
    metadata: z
      .literal(true, { error: ({ input }) => (input === false ? 'is false; leave it out' : undefined) })
      .optional()
      .describe('The token of the virtual machine'),
    metadataEndpoint: httpUrl.optional().describe(`The metadata service; default ${metadataEndpoint}`),
    workloadIdentity: z
      .strictObject({
        tokenFile: filePath(directory).describe('The projected token'),
        serviceAccountId: text,
        endpoint: httpUrl.prefault('https://auth.yandex.cloud/oauth/token').describe('The token exchange'),
      })
      .optional()
      .describe('A projected token, exchanged for one of a service account'),
  });
}

function toAuth(auth: AuthSettings, context: z.core.$RefinementCtx): YandexAuthConfig {
  checkExactlyOne(ways, auth, context);
  if (auth.iamEndpoint !== undefined && auth.serviceAccountKeyFile === undefined) {
    context.addIssue('gives iamEndpoint without serviceAccountKeyFile; leave it out');
  }
  if (auth.metadataEndpoint !== undefined && auth.metadata === undefined) {
    context.addIssue('gives metadataEndpoint without metadata: true; leave it out');
  }

  if (auth.iamToken !== undefined) return { kind: 'iamToken', iamToken: auth.iamToken };
  if (auth.workloadIdentity !== undefined) return { kind: 'workloadIdentity', ...auth.workloadIdentity };
  if (auth.serviceAccountKeyFile !== undefined) {
    return {
      kind: 'serviceAccountKey',
      keyFile: auth.serviceAccountKeyFile,
      iamEndpoint: auth.iamEndpoint ?? iamEndpoint,
    };
  }
  return { kind: 'metadata', metadataEndpoint: auth.metadataEndpoint ?? metadataEndpoint };
}
