import type { Ref, StoredRecord } from '../../rotation/record.ts';

/** What a statement that reads records gives of one: `place` is its place in the call, `value` is NULL out of scope. */
export interface RecordRow {
  readonly place: number;
  readonly value: Uint8Array | null;
  readonly fields: StoredRecord['fields'];
  readonly keyVersion: string | null;
  /** Empty where the statement gives none. */
  readonly key: readonly string[];
}

/** Null where a driver gives other types than PostgreSQL has. */
export type ParseRow = (row: Readonly<Record<string, unknown>>) => RecordRow | null;

/** The name of the column with a text of the key, of a field: names of the table's own could be equal. */
export const keyColumn = (place: number): string => `key_${place}`;
export const fieldColumn = (place: number): string => `field_${place}`;

/**
 * Reads rows by hand, since each record passes here: zod's own copies would be a tenth of what a census costs.
 * `fields`: what the columns are named in AAD templates; `keys`: columns of the key that the statement gives.
 */
export function createParseRow(fields: readonly string[], keys: number): ParseRow {
  const ofFields = fields.map((name, place) => [name, fieldColumn(place)] as const);
  // Cloned and filled in: a name may be that of something every object has, and an object made name by name costs more.
  const emptyFields = Object.fromEntries(fields.map((name) => [name, null as string | null]));
  const ofKey = Array.from({ length: keys }, (_, place) => keyColumn(place));
  return (row) => {
    const { place, value, key_version: keyVersion = null } = row;
    if (typeof place !== 'number' || !isText(keyVersion)) return null;
    if (!isText(value) && !(value instanceof Uint8Array)) return null;
    const texts = { ...emptyFields };
    for (const [name, column] of ofFields) {
      const text = row[column];
      if (!isText(text)) return null;
      texts[name] = text;
    }
    const key: string[] = [];
    for (const column of ofKey) {
      const text = row[column];
      if (typeof text !== 'string') return null;
      key.push(text);
    }
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    return { place, value: bytes, fields: texts, keyVersion, key };
  };
}

function isText(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

/** Null for a row out of scope. */
export function toRecord(ref: Ref, { value, fields, keyVersion }: RecordRow): StoredRecord | null {
  return value === null ? null : { ref, value, fields, keyVersion, revision: null };
}
