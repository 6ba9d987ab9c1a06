import { expect, test } from 'vitest';
import { toS3Fault } from '../../../src/stores/s3/s3-fault.ts';

function refused(name: string, httpStatusCode: number, message = name): unknown {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode, requestId: 'r-1' } });
}

test.each([
  ['SlowDown', 503, 'transient', 'STORE_BUSY'],
  ['TooManyRequestsException', 429, 'transient', 'STORE_BUSY'],
  ['KMS.ThrottlingException', 400, 'transient', 'STORE_BUSY'],
  ['RequestTimeout', 400, 'transient', 'STORE_UNAVAILABLE'],
  ['InternalError', 500, 'transient', 'STORE_UNAVAILABLE'],
  ['UnknownError', 502, 'transient', 'STORE_UNAVAILABLE'],
  ['OperationAborted', 409, 'transient', 'STORE_UNAVAILABLE'],
  ['PreconditionFailed', 412, 'record', 'S3_OBJECT_CHANGED'],
  ['ConditionalRequestConflict', 409, 'record', 'S3_OBJECT_CHANGED'],
  ['NoSuchKey', 404, 'record', 'S3_OBJECT_GONE'],
  ['NotFound', 404, 'record', 'S3_OBJECT_GONE'],
  ['NoSuchBucket', 404, 'rotation', 'STORE_NO_BUCKET'],
  ['PermanentRedirect', 301, 'rotation', 'STORE_WRONG_REGION'],
  ['AuthorizationHeaderMalformed', 400, 'rotation', 'STORE_WRONG_REGION'],
  ['AccessDenied', 403, 'rotation', 'STORE_DENIED'],
  ['InvalidAccessKeyId', 403, 'rotation', 'STORE_DENIED'],
  ['SignatureDoesNotMatch', 403, 'rotation', 'STORE_DENIED'],
  ['ExpiredToken', 400, 'rotation', 'STORE_DENIED'],
  ['RequestTimeTooSkewed', 403, 'rotation', 'STORE_DENIED'],
  ['KMS.DisabledException', 400, 'rotation', 'S3_KMS_KEY'],
  ['NotImplemented', 501, 'rotation', 'S3_NOT_SUPPORTED'],
  ['InvalidObjectState', 403, 'record', 'S3_OBJECT_ARCHIVED'],
  ['EntityTooLarge', 400, 'record', 'VALUE_REFUSED'],
  ['MetadataTooLarge', 400, 'record', 'VALUE_REFUSED'],
])('%s %i is a %s fault %s', (name, status, faultClass, code) => {
  expect(toS3Fault(refused(name, status), 's3:PutObject')).toMatchObject({
    faultClass,
    code,
    requestId: 'r-1',
    peer: faultClass === 'record' ? undefined : 'store',
  });
});

test.each([
  ['ECONNRESET', 'Error', 'transient', 'STORE_UNAVAILABLE'],
  ['ENOTFOUND', 'Error', 'transient', 'STORE_UNAVAILABLE'],
  ['ETIMEDOUT', 'TimeoutError', 'transient', 'STORE_UNAVAILABLE'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'Error', 'rotation', 'STORE_DENIED'],
  ['CERT_HAS_EXPIRED', 'Error', 'rotation', 'STORE_DENIED'],
  [undefined, 'CredentialsProviderError', 'rotation', 'STORE_DENIED'],
])('%s of a %s is a %s fault %s', (code, name, faultClass, expected) => {
  const error = Object.assign(new Error('x'), { name }, code === undefined ? {} : { code });
  expect(toS3Fault(error, 's3:GetObject')).toMatchObject({ faultClass, code: expected, peer: 'store' });
});

test('the right that S3 names is passed on, the rest of its message is not', () => {
  const message =
    'User: arn:aws:iam::1:user/canary is not authorized to perform: kms:Decrypt on resource canary';
  const fault = toS3Fault(refused('AccessDenied', 403, message), 's3:GetObject');
  expect(fault.message).toMatch(/kms:Decrypt/);
  expect(fault.message).not.toMatch(/canary/);
  expect(fault.cause).toBeUndefined();
});
