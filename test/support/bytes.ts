import { Buffer } from 'node:buffer';
import { expect } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import type { Format, Opened } from '../../src/rotation/formats/format.ts';

/** UTF-8. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The ciphertext that a format finds in a value, in hex. */
export function openedHex(format: Format, value: Uint8Array | string): string {
  return theCiphertext(format.open(asBytes(value))).toString('hex');
}

/** The ciphertext of a value that holds one. */
export function theCiphertext({ ciphertexts }: Opened): Buffer {
  expect(ciphertexts).toHaveLength(1);
  return Buffer.from(ciphertexts[0] ?? []);
}

/** The value, as text, after this ciphertext has come in place of its own. */
export function sealedText(format: Format, value: Uint8Array | string, ciphertext: Uint8Array): string {
  return Buffer.from(format.open(asBytes(value)).seal([ciphertext])).toString('utf8');
}

/** Expects BAD_FORMAT, and returns what its message says. */
export function badFormatOf(open: () => unknown): string {
  let thrown: unknown;
  try {
    open();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(Fault);
  expect(thrown).toMatchObject({ faultClass: 'record', code: 'BAD_FORMAT', cause: undefined });
  return thrown instanceof Fault ? thrown.message : '';
}

export function asBytes(value: Uint8Array | string): Uint8Array {
  return typeof value === 'string' ? utf8(value) : value;
}
