import { Fault, type FaultClass } from '../../rotation/faults.ts';
import { describeReply, type HttpReply } from '../connection/http-reply.ts';
import { parseRpcStatus } from './rpc-status.ts';

/**
 * HTTP statuses that say as much as a google.rpc code,
 * also where a proxy gave them. The others become `HTTP_<status>`.
 */
const codeByHttpStatus: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** What of a record a call asks the KMS to judge. */
export type CallSubject = 'ciphertext' | 'plaintext';

const subjectRemedies: Readonly<Record<CallSubject, string>> = {
  ciphertext: 'check source.keyId and source.aadContext, or the value is damaged',
  plaintext: 'check that the key can encrypt it',
};

/** What a fault's message says of the call it is about. */
export interface CallInWords {
  /** What of the record the KMS judged; null where the call holds nothing of a record. */
  readonly subject: CallSubject | null;
  /** What to do when the token is refused. */
  readonly tokenRemedy: string;
}

/**
 * A reply that is no success, as a fault. Only codes count, never messages: what the KMS says of a wrong AAD
 * or a destroyed version is not documented.
 * A plain HTTP 400 is `transient`, since the KMS itself always adds a Status.
 */
export function createReplyFault(reply: HttpReply, call: CallInWords): Fault {
  if (reply.status >= 300 && reply.status <= 399) {
    const message =
      `KMS endpoint redirects elsewhere (HTTP ${reply.status}), which is not followed; ` +
      'set kms.endpoint to the final address';
    return new Fault('rotation', 'REDIRECT', message, describeReply(reply));
  }
  const status = parseRpcStatus(reply.body);
  const code = status?.code ?? codeByHttpStatus[reply.status] ?? `HTTP_${reply.status}`;
  const [faultClass, message] = judge(code, call);
  return new Fault(faultClass, code, message, {
    ...(status?.requestId !== undefined && { requestId: status.requestId }),
    ...describeReply(reply),
    throttled: code === 'RESOURCE_EXHAUSTED' || reply.status === 429,
  });
}

function judge(code: string, call: CallInWords): readonly [FaultClass, string] {
  switch (code) {
    case 'INVALID_ARGUMENT':
    case 'OUT_OF_RANGE':
      return call.subject === null
        ? ['rotation', `KMS refused the key or its version (${code}); check the key id and versionId`]
        : ['record', `KMS refused the ${call.subject} (${code}); ${subjectRemedies[call.subject]}`];
    case 'UNAUTHENTICATED':
      return ['rotation', `KMS does not accept the IAM token (${code}); ${call.tokenRemedy}`];
    case 'PERMISSION_DENIED':
      return [
        'rotation',
        `KMS forbids it (${code}); grant kms.keys.decrypter on the source key and kms.keys.encrypter ` +
          'on the target key',
      ];
    case 'NOT_FOUND':
      return [
        'rotation',
        `KMS does not know the key or its version (${code}); check the key ids, versionId and kms.endpoint`,
      ];
    case 'FAILED_PRECONDITION':
      return ['rotation', `KMS cannot use the key or its version (${code}); check that both are active`];
    case 'UNIMPLEMENTED':
      return ['rotation', `KMS does not offer this call (${code}); check kms.endpoint`];
    case 'RESOURCE_EXHAUSTED':
      return ['transient', `KMS is called too fast (${code})`];
    default:
      return ['transient', `KMS could not answer (${code})`];
  }
}
