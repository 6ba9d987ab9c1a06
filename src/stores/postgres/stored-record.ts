import type { Ref, StoredRecord } from '../../rotation/record.ts';

/** Place in the answer, texts of the fields, key version. */
type About = readonly [place: number, texts: readonly (string | null)[], keyVersion: string | null];
/** Behind those: the key, and whether the row is in scope. */
type AboutWalked = readonly [...About, key: readonly string[], inScope: boolean];

/**
 * What each statement that reads records gives of one: all but its value in one column, as each column of each row
 * costs the driver as much as the others.
 */
export interface RecordRow<Of = About> {
  readonly value: Uint8Array | string;
  readonly about: Of;
}

/** The value of a row that is not in scope may be NULL. */
export type WalkedRow = RecordRow<AboutWalked> | { readonly value: null; readonly about: AboutWalked };

export function isRecordRow(row: unknown): row is RecordRow {
  return isRow(row) && isValue(row.value) && isAbout(row.about, 3);
}

export function isWalkedRow(row: unknown): row is WalkedRow {
  return (
    isRow(row) &&
    (row.value === null || isValue(row.value)) &&
    isAbout(row.about, 5) &&
    isTexts(row.about[3]) &&
    !row.about[3].includes(null) &&
    typeof row.about[4] === 'boolean'
  );
}

function isRow(row: unknown): row is { value: unknown; about: unknown } {
  return typeof row === 'object' && row !== null && 'value' in row && 'about' in row;
}

function isValue(value: unknown): boolean {
  return typeof value === 'string' || value instanceof Uint8Array;
}

function isAbout(about: unknown, length: number): about is unknown[] {
  return (
    Array.isArray(about) &&
    about.length === length &&
    typeof about[0] === 'number' &&
    isTexts(about[1]) &&
    (about[2] === null || typeof about[2] === 'string')
  );
}

function isTexts(texts: unknown): texts is (string | null)[] {
  return Array.isArray(texts) && texts.every((text) => text === null || typeof text === 'string');
}

/** `fields`: the names of the columns that the statement gives. */
export function toRecord(
  ref: Ref,
  stored: Uint8Array | string,
  [, texts, keyVersion]: About | AboutWalked,
  fields: readonly string[],
): StoredRecord {
  return {
    ref,
    value: typeof stored === 'string' ? Buffer.from(stored) : stored,
    fields: Object.fromEntries(fields.map((name, index) => [name, texts[index] ?? null])),
    keyVersion,
    revision: null,
  };
}
