import { z } from 'zod';
import { parseJsonBody } from '../connection/json-body.ts';
import { parseRequestId } from '../connection/request-id.ts';

/** google.rpc.Code by number (google/rpc/code.proto). */
const codeNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/**
 * google.rpc.Status. Its message is not read:
 * it may quote the request, and nothing may depend on its words.
 */
const statusSchema = z.object({ code: z.int().min(1).max(16), details: z.array(z.unknown()).catch([]) });
const requestInfoSchema = z.object({
  '@type': z.string().endsWith('RequestInfo'),
  requestId: z.string().transform(parseRequestId),
});

export interface RpcStatus {
  /** The name of a google.rpc.Code. */
  readonly code: string;
  readonly requestId: string | undefined;
}

/**
 * The google.rpc.Status in an error's body;
 * null where the error is not the KMS's own (a proxy's page, no body).
 */
export function parseRpcStatus(body: string): RpcStatus | null {
  const status = parseJsonBody(statusSchema, body);
  const code = status && codeNames[status.code];
  if (!code) return null;
  const infos = status.details.map((detail) => requestInfoSchema.safeParse(detail).data);
  return { code, requestId: infos.find((info) => info !== undefined)?.requestId };
}
