import { Fault } from '../faults.ts';

/** The fault of a value that is not of the configured format. `expected` is never taken from the value. */
export function badFormat(expected: string): Fault {
  return new Fault('record', 'BAD_FORMAT', `the stored value is not ${expected}; mend or exclude the record`);
}

/** The fault of a new ciphertext that cannot stand where the old one stood. */
export function notText(): Fault {
  return new Fault(
    'record',
    'BAD_FORMAT',
    'the new ciphertext is not text, so it cannot stand in a text value; is the format base64?',
  );
}
