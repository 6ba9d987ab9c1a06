import { Fault } from '../faults.ts';
import { badFormat } from './bad-format.ts';
import type { Format } from './format.ts';

/**
 * The first of these formats that opens the value, and that seals it then. `names` are theirs, for the fault.
 */
export function createFirstThatOpens(formats: readonly Format[], names: readonly string[]): Format {
  const expected = `of any of the formats ${names.join(', ')}`;
  return {
    open(value) {
      for (const format of formats) {
        try {
          return format.open(value);
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
        }
      }
      throw badFormat(expected);
    },
  };
}
