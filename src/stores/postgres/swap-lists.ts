import type { Ref } from '../../rotation/record.ts';
import { keyColumn } from './stored-record.ts';
import type { TableShape } from './table-shape.ts';
import { writeTextArray } from './text-array.ts';

/** A change as PostgreSQL takes it, and its place in the call. Values of bytea columns are base64. */
export interface Change {
  readonly index: number;
  readonly ref: Ref;
  readonly key: readonly string[];
  readonly oldValue: string;
  readonly newValue: string;
  readonly keyVersion: string;
}

/** What all changes have of one kind, as one parameter of the swap. */
export interface SwapList {
  /** Its column among the wanted changes. */
  readonly name: string;
  /** SQL for its array, of the parameter so numbered. */
  readonly unpack: (parameter: number) => string;
  readonly write: (changes: readonly Change[]) => string;
}

/** The lists of a swap, in the order of its parameters. */
export function swapListsFor(
  { key, valueKind, versionColumn }: TableShape,
  hasJournal: boolean,
): readonly SwapList[] {
  const valueList = valueKind === 'bytea' ? base64List : textList;
  return [
    ...key.map((_, place) => textList(keyColumn(place), (change) => change.key[place] ?? '')),
    valueList('old_value', ({ oldValue }) => oldValue),
    valueList('new_value', ({ newValue }) => newValue),
    ...(versionColumn === null ? [] : [textList('key_version', ({ keyVersion }) => keyVersion)]),
    ...(hasJournal ? [textList('ref', ({ ref }) => ref)] : []),
  ];
}

function textList(name: string, textOf: (change: Change) => string): SwapList {
  return {
    name,
    unpack: (parameter) => `$${parameter}::text[]`,
    write: (changes) => writeTextArray(changes.map(textOf)),
  };
}

/**
 * No array: to read the quoted elements of one was a quarter of what a swap cost PostgreSQL. The blank in front, which
 * base64 may have, since PostgreSQL takes an empty text for no element at all.
 */
function base64List(name: string, base64Of: (change: Change) => string): SwapList {
  return {
    name,
    unpack: (parameter) => `string_to_array($${parameter}::text, ',')`,
    write: (changes) => ` ${changes.map(base64Of).join(',')}`,
  };
}
