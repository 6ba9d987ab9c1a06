/**
 * What a fault means for the rotation:
 *
 * - `record`: the fault of this one record (bad ciphertext, wrong AAD). It is set aside, the others go on.
 * - `transient`: will pass by itself (429, 5xx, timeout, reset, a peer down). Tried again, nothing is lost.
 * - `rotation`: no record can succeed until a person mends it (no permission, unknown key). The rotation
 *   pauses.
 * - `usage`: the command or config is wrong; nothing was started.
 */
export type FaultClass = 'record' | 'transient' | 'rotation' | 'usage';

/** Which peer a fault came from, in words for the user. */
export type FaultPeer = 'kms' | 'store' | 'broker';

export interface FaultDetails {
  /** The peer that is out of reach or refused us. */
  peer?: FaultPeer;
  /** What the server's support finds the failed request by: its id of it, or ours where no reply came. */
  requestId?: string;
  /** The server asks not to come back earlier than this. */
  retryAfterMs?: number;
  /** The KMS said that we are too fast (429), so the pace must fall. */
  throttled?: boolean;
  cause?: unknown;
}

/**
 * The one error of keyturn. `message` says what happened and what to do, and never holds ciphertext, AAD,
 * plaintext, a token or the password of a URL.
 */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly faultClass: FaultClass;
  /** Stable, upper case: a google.rpc code name or one of ours; safe as a metric label. */
  readonly code: string;
  readonly peer: FaultPeer | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly throttled: boolean;

  constructor(faultClass: FaultClass, code: string, message: string, details: FaultDetails = {}) {
    super(message, { cause: details.cause });
    this.faultClass = faultClass;
    this.code = code;
    this.peer = details.peer;
    this.requestId = details.requestId;
    this.retryAfterMs = details.retryAfterMs;
    this.throttled = details.throttled ?? false;
  }
}

/** Takes whatever was thrown as a fault; what is not one of ours is a defect, and is named so. */
export function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const name = error instanceof Error ? error.name : typeof error;
  return new Fault('transient', 'INTERNAL_ERROR', `unexpected ${name} in keyturn`, { cause: error });
}
