import { z } from 'zod';
import { asFault, Fault, type FaultClass, type FaultDetails } from '../../rotation/faults.ts';

/** Codes of faults that a caller here takes as an answer. */
export const objectGone = 'S3_OBJECT_GONE';
export const objectChanged = 'S3_OBJECT_CHANGED';
export const notSupported = 'S3_NOT_SUPPORTED';
export const accessDenied = 'STORE_DENIED';
export const refusedObject = 'VALUE_REFUSED';

interface Meaning {
  readonly faultClass: FaultClass;
  readonly code: string;
  readonly words: string;
}

const busy: Meaning = { faultClass: 'transient', code: 'STORE_BUSY', words: 'asks for fewer requests' };
const down: Meaning = { faultClass: 'transient', code: 'STORE_UNAVAILABLE', words: 'cannot answer now' };

/**
 * What S3's code, or the status where a HEAD has no code, means; the first row that matches. Codes: Amazon S3
 * API reference, "Error responses".
 */
const meanings: readonly (readonly [what: RegExp, meaning: Meaning])[] = [
  [/SlowDown|Throttl|TooManyRequests|RequestLimitExceeded|BandwidthLimit| 429$/, busy],
  [/^(RequestTimeout|InternalError|ServiceUnavailable|OperationAborted)| 50[0234]$/, down],
  [
    /^(PreconditionFailed|ConditionalRequestConflict)| (412|409)$/,
    { faultClass: 'record', code: objectChanged, words: 'says that the object was changed meanwhile' },
  ],
  [
    /^NoSuchBucket/,
    { faultClass: 'rotation', code: 'STORE_NO_BUCKET', words: 'has no such bucket: check store.bucket' },
  ],
  [
    /^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint)| 30\d$/,
    {
      faultClass: 'rotation',
      code: 'STORE_WRONG_REGION',
      words: 'has the bucket in another region: check store.region',
    },
  ],
  [
    /^(ExpiredToken|TokenRefreshRequired)/,
    {
      faultClass: 'rotation',
      code: accessDenied,
      words: 'says that the credentials have expired: start again with new ones',
    },
  ],
  [
    /^RequestTimeTooSkewed/,
    {
      faultClass: 'rotation',
      code: accessDenied,
      words: 'finds the clock of this machine wrong by more than 15 minutes: set it',
    },
  ],
  [
    /^InvalidObjectState/,
    {
      faultClass: 'record',
      code: 'S3_OBJECT_ARCHIVED',
      words: 'has the object in an archive: restore it first',
    },
  ],
  [
    /^(NotImplemented|MethodNotAllowed|AccessControlListNotSupported)| (501|405)$/,
    { faultClass: 'rotation', code: notSupported, words: 'does not know this request' },
  ],
  [
    /^(InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|AuthFailure|InvalidSecurity)| 401$/,
    {
      faultClass: 'rotation',
      code: accessDenied,
      words: 'does not accept the credentials: check the key, the secret and the session token',
    },
  ],
  [
    /^KMS\./,
    {
      faultClass: 'rotation',
      code: 'S3_KMS_KEY',
      words: 'cannot use the key of its own encryption: check that key and the rights to it',
    },
  ],
  [
    /^(NoSuchKey|NotFound|NoSuchVersion) /,
    { faultClass: 'record', code: objectGone, words: 'has no such object' },
  ],
];

/** The rest of 4xx: too large, an ill-formed header or tag, encrypted under a key of the client's own. */
const refused: Meaning = {
  faultClass: 'record',
  code: refusedObject,
  words: 'refuses the request for this object',
};

const serviceError = z.object({
  name: z.string(),
  message: z.string().catch(''),
  $metadata: z.object({ httpStatusCode: z.number(), requestId: z.string().optional().catch(undefined) }),
  $response: z
    .object({ headers: z.record(z.string(), z.string()) })
    .optional()
    .catch(undefined),
});
const clientError = z.object({ name: z.string(), code: z.string().optional().catch(undefined) });
/** A server's message is not passed on, since it may quote what was sent; but for the right that it names. */
const missingRight = /not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)/;

/**
 * Takes what the SDK threw as a fault.
 *
 * @param right The permission that the request needs, named where it was denied: `s3:GetObject`.
 */
export function toS3Fault(error: unknown, right: string): Fault {
  if (error instanceof Fault) return error;
  const { data } = serviceError.safeParse(error);
  if (data !== undefined && data.$metadata.httpStatusCode >= 300) return ofServer(data, right);
  const { name, code } = clientError.safeParse(error).data ?? { name: 'unknown error' };
  const words = code === undefined ? name : `${name}, ${code}`;
  if (/CERT|ERR_(TLS|SSL)|SELF_SIGNED|UNABLE_TO_/.test(words)) {
    return ofStore(
      'rotation',
      accessDenied,
      `no TLS connection to S3: ${words}; check store.endpoint and store.caFile`,
    );
  }
  if (/Credentials|TokenProvider/.test(name)) {
    return ofStore(
      'rotation',
      accessDenied,
      `no AWS credentials (${words}): give them by environment, profile or instance role`,
    );
  }
  return ofStore('transient', 'STORE_UNAVAILABLE', `S3 is out of reach: ${words}`);
}

/** For a request about no one object: what is refused to it will be refused for all. */
export function notOfOneObject(error: unknown): Fault {
  const fault = asFault(error);
  return fault.faultClass === 'record' ? ofStore('rotation', 'STORE_REFUSED', fault.message) : fault;
}

function ofServer(error: z.output<typeof serviceError>, right: string): Fault {
  const { httpStatusCode: status, requestId } = error.$metadata;
  const what = `${error.name} ${status}`;
  const details: FaultDetails = requestId === undefined ? {} : { requestId };
  const meaning = meanings.find(([pattern]) => pattern.test(what))?.[1];
  if (meaning === undefined && status === 403) {
    const named = missingRight.exec(error.message)?.[1] ?? right;
    return ofStore(
      'rotation',
      accessDenied,
      `S3 denies access (${what}): the right ${named} is needed`,
      details,
    );
  }
  const { faultClass, code, words } = meaning ?? (status >= 500 ? down : refused);
  const message = `S3 ${words} (${what}, ${right})`;
  if (faultClass === 'record') return new Fault(faultClass, code, message, details);
  const retryAfterMs = faultClass === 'transient' ? readRetryAfter(error.$response?.headers) : undefined;
  return ofStore(
    faultClass,
    code,
    message,
    retryAfterMs === undefined ? details : { ...details, retryAfterMs },
  );
}

function ofStore(faultClass: FaultClass, code: string, message: string, details: FaultDetails = {}): Fault {
  return new Fault(faultClass, code, message, { ...details, peer: 'store' });
}

/** S3 says it in seconds. */
function readRetryAfter(headers: Readonly<Record<string, string>> | undefined): number | undefined {
  const text = headers?.['retry-after'] ?? '';
  return /^\d{1,4}$/.test(text) ? Number(text) * 1000 : undefined;
}
