import { errors } from 'undici';
import { Fault, type FaultDetails } from '../../rotation/faults.ts';
import { createAbortedFault } from './aborted.ts';

/** Whom a call goes to, in words for messages. */
export interface Peer {
  /** `KMS`, `IAM token service`. */
  readonly name: string;
  readonly origin: string;
  /** What its support finds our requests by, those without a reply too; null where it takes no such id. */
  readonly traceId: string | null;
}

/** The first row whose pattern fits the error code of Node or undici gives our code and the words. */
const rows: readonly (readonly [RegExp, string, string])[] = [
  [/^(UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT|ETIMEDOUT)$/, 'TIMEOUT', 'did not answer in time'],
  [/^ECONNREFUSED$/, 'CONNECTION_REFUSED', 'refused the connection'],
  [/^(ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET)$/, 'CONNECTION_RESET', 'cut the connection'],
  [/^UND_ERR_RES_CONTENT_LENGTH_MISMATCH$/, 'CONNECTION_RESET', 'cut the connection'],
  [/^(ENOTFOUND|EAI_\w+)$/, 'DNS_ERROR', 'has a host name that does not resolve'],
  // Node names a refused certificate by OpenSSL's X509_V_ERR_* without that prefix.
  [
    /^(ERR_TLS_CERT_\w+|CERT_\w+|CRL_\w+|UNABLE_TO_\w+|\w*SELF_SIGNED_\w+|INVALID_\w+|HOSTNAME_MISMATCH)$/,
    'TLS_ERROR',
    'has a certificate that is not trusted, see kms.caFile',
  ],
  [/^(EPROTO|ERR_(TLS|SSL|OSSL)_\w+)$/, 'TLS_ERROR', 'does not agree with us on TLS'],
  [/^(HTTP_PARSER|UND_ERR_HEADERS_OVERFLOW)$/, 'BAD_REPLY', 'answered with something that is not HTTP'],
  [/^UND_ERR_RES_EXCEEDED_MAX_SIZE$/, 'BAD_REPLY', 'answered with more than is sane'],
];

/** Whatever a connection ended with, as a transient fault. */
export function createNetworkFault(error: unknown, peer: Peer): Fault {
  if (error instanceof Fault) return error;
  const errorCode = readErrorCode(error);
  if (errorCode === 'UND_ERR_DESTROYED' || errorCode === 'UND_ERR_CLOSED') return createAbortedFault();
  const [, code, words] = rows.find(([pattern]) => pattern.test(errorCode)) ?? [
    null,
    'NETWORK_ERROR',
    'could not be reached',
  ];
  const message = `${peer.name} at ${peer.origin} ${words} (${errorCode})`;
  // A parser error carries the bytes it choked on, which may be anyone's secret.
  const cause = errorCode === 'HTTP_PARSER' ? undefined : error;
  return new Fault('transient', code, message, { ...idOf(peer), peer: 'kms', cause });
}

export function createTimeoutFault(peer: Peer, timeoutMs: number): Fault {
  const message = `${peer.name} at ${peer.origin} did not answer within ${timeoutMs} ms`;
  return new Fault('transient', 'TIMEOUT', message, { ...idOf(peer), peer: 'kms' });
}

function idOf({ traceId }: Peer): FaultDetails {
  return traceId === null ? {} : { requestId: traceId };
}

function readErrorCode(error: unknown): string {
  if (error instanceof errors.HTTPParserError) return 'HTTP_PARSER';
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'unknown cause';
}
