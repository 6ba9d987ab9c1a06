import { z } from 'zod';
import { Fault, type FaultClass } from '../../rotation/faults.ts';
import { describeReply, type HttpReply } from '../connection/http-reply.ts';
import { parseJsonBody } from '../connection/json-body.ts';
import { cannotOpen } from './item-fault.ts';

type Judgement = readonly [faultClass: FaultClass, code: string, message: string];

const errorsSchema = z.object({ errors: z.array(z.string()) });

/** What the server says in an error: only to look for known words in it, since it may quote the request. */
function readErrors(reply: HttpReply): string {
  return parseJsonBody(errorsSchema, reply.body)?.errors.join('\n') ?? '';
}

/**
 * Statuses that say nothing of the request or its sender (as the API's documentation lists them), null for
 * the rest. A standby that does not forward answers 307. That is `transient`: after a failover the node may
 * be active again, or the load balancer find the active one, any moment.
 */
function judgeTrouble(reply: HttpReply): Judgement | null {
  switch (reply.status) {
    case 307:
    case 472:
    case 473:
      return [
        'transient',
        'STANDBY',
        `Vault is a standby here that forwards no requests (HTTP ${reply.status}); set kms.endpoint to the active node, or enable request forwarding`,
      ];
    case 412:
      return ['transient', 'NOT_CAUGHT_UP', 'Vault has not caught up with its active node yet (HTTP 412)'];
    case 429:
      return ['transient', 'RESOURCE_EXHAUSTED', 'Vault is called too fast (RESOURCE_EXHAUSTED)'];
    case 500:
      return ['transient', 'INTERNAL', 'Vault could not answer (INTERNAL); its own log says why'];
    case 503:
      return /sealed/i.test(readErrors(reply))
        ? ['transient', 'SEALED', 'Vault is sealed; unseal it']
        : ['transient', 'UNAVAILABLE', 'Vault cannot answer now (UNAVAILABLE); it may be sealed or starting'];
    case 504:
      return ['transient', 'DEADLINE_EXCEEDED', 'Vault could not answer in time (DEADLINE_EXCEEDED)'];
  }
  const code = `HTTP_${reply.status}`;
  if (reply.status >= 300 && reply.status <= 399) {
    const message = `kms.endpoint redirects elsewhere (HTTP ${reply.status}), which is not followed; set it to the final address`;
    return ['rotation', 'REDIRECT', message];
  }
  if (reply.status >= 500 || reply.status === 408 || reply.status === 425) {
    return ['transient', code, `Vault could not answer (${code})`];
  }
  return null;
}

/**
 * A call to the token store or a login that failed; a refusal is a `rotation` fault that ends with `remedy`.
 */
export function createTokenFault(reply: HttpReply, remedy: string): Fault {
  const [faultClass, code, message] = judgeTrouble(reply) ?? [
    'rotation',
    'TOKEN_REFUSED',
    `Vault refused the login (HTTP ${reply.status}); ${remedy}`,
  ];
  return new Fault(faultClass, code, message, describeReply(reply));
}

interface TransitCallInWords {
  readonly mount: string;
  readonly keyId: string;
  /** What to do when the token is refused. */
  readonly tokenRemedy: string;
}

/** A call to the transit engine that failed as a whole. Class `record` says to part it. */
export function createTransitFault(reply: HttpReply, call: TransitCallInWords): Fault {
  const [faultClass, code, message] = judgeItem(reply) ?? judgeTrouble(reply) ?? judgeRefusal(reply, call);
  return new Fault(faultClass, code, message, { ...describeReply(reply), throttled: reply.status === 429 });
}

/** RSA keys alone let one ciphertext spoil a batch, as an error of the server's own (keysutil/policy.go). */
function judgeItem(reply: HttpReply): Judgement | null {
  if (reply.status !== 500 || !readErrors(reply).includes('failed to RSA decrypt')) return null;
  return ['record', 'BAD_CIPHERTEXT', cannotOpen];
}

function judgeRefusal(reply: HttpReply, { mount, keyId, tokenRemedy }: TransitCallInWords): Judgement {
  const errors = readErrors(reply);
  // Both servers refuse JSON of too many parts with 400: OpenBao in http/json.go, Vault in its listener's
  // max_json_*.
  if (reply.status === 413 || (reply.status === 400 && /exceed|too large/i.test(errors))) {
    const message =
      'Vault takes no request of this size; lower limits.batchSize, or raise max_request_size of its listener';
    return ['record', 'REQUEST_TOO_LARGE', message];
  }
  switch (reply.status) {
    case 401:
    case 403: {
      const policy = `update on ${mount}/rewrap/${keyId} and read on ${mount}/keys/${keyId}`;
      const message = `Vault forbids it (PERMISSION_DENIED); the token needs a policy with ${policy}; ${tokenRemedy}`;
      return ['rotation', 'PERMISSION_DENIED', message];
    }
    case 404:
    case 405: {
      const message =
        'Vault knows no such key or no transit engine at this mount (NOT_FOUND); check the key ids, kms.mount and kms.namespace';
      return ['rotation', 'NOT_FOUND', message];
    }
  }
  if (errors.includes('encryption key not found')) {
    const message = 'Vault does not know the key (NOT_FOUND); check the key ids, kms.mount and kms.namespace';
    return ['rotation', 'NOT_FOUND', message];
  }
  const message = `Vault refused the request (HTTP ${reply.status}); check the key ids and kms.mount`;
  return ['rotation', 'INVALID_ARGUMENT', message];
}
