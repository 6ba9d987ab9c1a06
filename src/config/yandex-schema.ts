import { z } from 'zod';
import { connectionSettings } from './kms-connection-schema.ts';
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
      auth: createAuthObject(directory)
        .meta({
          description: 'Exactly one way to authenticate',
          oneOf: ways.map((way) => ({ required: [way] })),
        })
        .transform(toAuth),
      ...connection,
    })
    .transform(({ timeout, caFile, ...kms }): YandexKmsConfig => ({
      ...kms,
      caFile: caFile ?? null,
      timeoutMs: timeout,
    }));
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
  const given = ways.filter((way) => auth[way] !== undefined);
  if (given.length !== 1) {
    const problem = given.length === 0 ? 'names no way to authenticate' : `names ${given.join(' and ')}`;
    context.addIssue(`${problem}; give exactly one of ${ways.join(', ')}`);
  }
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
