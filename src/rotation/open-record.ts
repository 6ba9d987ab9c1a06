import type { Format, Opened } from './formats/format.ts';
import type { StoredRecord } from './record.ts';

/** A record with its value taken apart. */
export interface OpenRecord {
  readonly record: StoredRecord;
  readonly opened: Opened;
}

/** Takes a value apart. Throws a record `Fault`: BAD_FORMAT, or why the store could not give the value. */
export function openRecord(format: Format, record: StoredRecord): OpenRecord {
  if (record.fault !== undefined) throw record.fault;
  return { record, opened: format.open(record.value) };
}
