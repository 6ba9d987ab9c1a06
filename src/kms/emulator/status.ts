import { Fault } from '../../rotation/faults.ts';

/** The google.rpc codes that the emulator answers with, and the HTTP status of each. */
const rpcCodes = {
  INVALID_ARGUMENT: { code: 3, http: 400 },
  NOT_FOUND: { code: 5, http: 404 },
  PERMISSION_DENIED: { code: 7, http: 403 },
  RESOURCE_EXHAUSTED: { code: 8, http: 429 },
  FAILED_PRECONDITION: { code: 9, http: 400 },
  UNIMPLEMENTED: { code: 12, http: 501 },
  INTERNAL: { code: 13, http: 500 },
  UNAVAILABLE: { code: 14, http: 503 },
  UNAUTHENTICATED: { code: 16, http: 401 },
} as const;

type RpcCode = keyof typeof rpcCodes;

/** What a request gets instead of a result: a fault whose code is a google.rpc code. */
export function refusal(code: RpcCode, message: string, details: { retryAfterMs?: number } = {}): Fault {
  return new Fault('usage', code, message, details);
}

interface StatusReply {
  readonly http: number;
  /** google.rpc.Status. */
  readonly body: { code: number; message: string; details: readonly object[] };
  readonly retryAfterSeconds: number | null;
}

/**
 * Puts whatever was thrown into a google.rpc.Status.
 * What is no fault of ours could tell secrets, so it tells nothing.
 */
export function statusOf(error: unknown, requestId: string): StatusReply {
  const fault = error instanceof Fault ? error : refusal('INTERNAL', 'Internal error');
  const { code, http } = rpcCodes[isRpcCode(fault.code) ? fault.code : 'INTERNAL'];
  return {
    http,
    body: {
      code,
      message: fault.message,
      details: [{ '@type': 'type.googleapis.com/google.rpc.RequestInfo', requestId }],
    },
    retryAfterSeconds: fault.retryAfterMs === undefined ? null : Math.ceil(fault.retryAfterMs / 1000),
  };
}

function isRpcCode(code: string): code is RpcCode {
  return Object.hasOwn(rpcCodes, code);
}

export function noSuchRoute(): Fault {
  return refusal('NOT_FOUND', 'There is no such method');
}

export function wrongVerb(): Fault {
  return refusal('UNIMPLEMENTED', 'The method has another HTTP verb');
}
