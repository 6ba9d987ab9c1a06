import { Fault } from '../../rotation/faults.ts';

/** Limits of the API reference; bytes are counted before base64. */
const maxIdLength = 50;
const maxAadBytes = 8192;
const maxPlaintextBytes = 32_768;

/**
 * `what` names the id in the message: `key id`.
 * A wrong one is a `rotation` fault: it is wrong for every record.
 */
export function checkId(id: string, what: string): void {
  // A lone surrogate has no UTF-8 form, so it cannot go into a URL.
  if (id.length >= 1 && id.length <= maxIdLength && id.isWellFormed()) return;
  throw new Fault('rotation', 'BAD_ID', `the ${what} must have 1 to ${maxIdLength} characters`, {
    peer: 'kms',
  });
}

export function checkAad(aad: Uint8Array): void {
  checkLength(aad, maxAadBytes, 'AAD');
}

export function checkPlaintext(plaintext: Uint8Array): void {
  checkLength(plaintext, maxPlaintextBytes, 'plaintext');
}

/** The KMS sets no maximum. */
export function checkCiphertext(ciphertext: Uint8Array): void {
  if (ciphertext.length > 0) return;
  throw new Fault('record', 'EMPTY_CIPHERTEXT', 'the ciphertext is empty');
}

function checkLength(bytes: Uint8Array, maxBytes: number, what: 'AAD' | 'plaintext'): void {
  if (bytes.length <= maxBytes) return;
  const message = `the ${what} has ${bytes.length} bytes, the KMS takes ${maxBytes} at most`;
  throw new Fault('record', `${what.toUpperCase()}_TOO_LONG`, message);
}
