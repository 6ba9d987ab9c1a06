import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import type * as S3 from '@aws-sdk/client-s3';
import { Fault } from '../../rotation/faults.ts';
import type { S3StoreOptions } from './options.ts';

export type S3Sdk = typeof S3;

/** Two clients on the same sockets and credentials, which differ in how they take a failure. */
export interface S3Clients {
  readonly sdk: S3Sdk;
  /**
   * Tries a failed request again, four times in all: of hundreds of reads that a batch takes at once one may
   * well fail, and then all of them would have to be made again.
   */
  readonly reading: S3.S3Client;
  /**
   * Tries once. A conditional write that was made and whose reply was lost would come back as a lost swap;
   * the caller reads again in any case.
   */
  readonly writing: S3.S3Client;
}

const readAttempts = 4;
const defaultTimeoutMs = 30_000;
const connectTimeoutMs = 10_000;

/** Connects to nothing yet. Usage `Fault` where the SDK is not installed, or an option is of no use. */
export async function connectS3(options: S3StoreOptions): Promise<S3Clients> {
  if (options.endpoint !== null) checkEndpoint(options.endpoint);
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const agent = { keepAlive: true, maxSockets: options.concurrency + 1 };
  const ca =
    options.caPem === undefined ? {} : { ca: [...rootCertificates, ...readCertificates(options.caPem)] };
  // Its notice of the Node versions of the years to come would stand on stderr amid the log.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const sdk = await importSdk();
  // Servers of other makers have stumbled over the checksum headers that AWS took up in 2025.
  const checksums = options.endpoint === null ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
  const reading = new sdk.S3Client({
    ...(options.endpoint === null ? {} : { endpoint: options.endpoint, forcePathStyle: true }),
    region: options.region,
    maxAttempts: readAttempts,
    requestChecksumCalculation: checksums,
    // The KMS refuses a ciphertext that was damaged on its way; here one such object would stop a whole
    // batch.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: Math.min(connectTimeoutMs, timeoutMs),
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: timeoutMs,
      httpAgent: agent,
      httpsAgent: { ...agent, ...ca, minVersion: 'TLSv1.2' },
    },
  });
  const { requestHandler, credentials } = reading.config;
  const writing = new sdk.S3Client({
    ...(options.endpoint === null ? {} : { endpoint: options.endpoint, forcePathStyle: true }),
    region: options.region,
    maxAttempts: 1,
    requestChecksumCalculation: checksums,
    requestHandler,
    credentials,
  });
  return { sdk, reading, writing };
}

async function importSdk(): Promise<S3Sdk> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch (error) {
    throw new Fault(
      'usage',
      'MISSING_PACKAGE',
      'an S3 store needs the package @aws-sdk/client-s3: npm install @aws-sdk/client-s3',
      { cause: error },
    );
  }
}

function checkEndpoint(endpoint: string): void {
  const url = URL.parse(endpoint);
  const isWhole = url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '';
  if (!isWhole) throw badOption('store.endpoint must be an http or https URL, without a query');
  if (url.username !== '' || url.password !== '') {
    throw badOption(
      'store.endpoint must hold no user and password: give credentials as the AWS SDK takes them',
    );
  }
}

function readCertificates(pem: string): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    if (blocks.length > 0 && blocks.every((block) => new X509Certificate(block).raw.length > 0))
      return blocks;
  } catch {
    // Told below.
  }
  throw new Fault('usage', 'BAD_CA', 'store.caFile holds no readable PEM certificate, or a damaged one');
}

function badOption(message: string): Fault {
  return new Fault('usage', 'BAD_STORE_URL', message);
}
