import { badFormat } from './bad-format.ts';
import type { Format, Opened } from './format.ts';

/** The value is the ciphertext. */
export const raw: Format = {
  open(value) {
    if (value.length === 0) throw badFormat('a ciphertext: it is empty');
    return new OpenedRaw(value);
  },
};

/**
 * A class, as it is one object for each record of a batch, where a list, a function and what holds them would be four:
 * each lives as long as its batch, and each collection of garbage meanwhile copies it.
 */
class OpenedRaw implements Opened {
  readonly aad = 'template';
  readonly envelope = null;
  private readonly value: Uint8Array;

  constructor(value: Uint8Array) {
    this.value = value;
  }
  get ciphertexts(): readonly Uint8Array[] {
    return [this.value];
  }
  seal([sealed = this.value]: readonly Uint8Array[]): Uint8Array {
    return sealed;
  }
}
