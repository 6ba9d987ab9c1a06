import type { OpaqueKms } from '../../support/opaque-kms.ts';
import type { StormyApplication } from './application.ts';
import type { FinalRow, HistoryEntry } from './history.ts';
import { aadOf, pinned } from './scene.ts';

export interface Evidence {
  readonly history: readonly HistoryEntry[];
  readonly table: readonly FinalRow[];
  readonly acknowledged: StormyApplication['acknowledged'];
  readonly poisonedIds: readonly string[];
  readonly kms: Pick<OpaqueKms, 'open'>;
}

/** What in the history of the table must not be, in words; nothing where every write was right. */
export function findWrongWrites(evidence: Evidence): string[] {
  return [
    ...evidence.history.flatMap((entry) => wrongsOf(entry, evidence)),
    ...brokenChains(evidence),
    ...lostWrites(evidence),
    ...wrongRows(evidence),
  ];
}

/** A write of keyturn changes the value alone, keeps its plaintext and AAD, and ends on the pin. */
function wrongsOf({ id, writer, before, after, more }: HistoryEntry, { kms }: Evidence): string[] {
  if (writer === 'application') return [];
  if (before === null || after === null || more)
    return [`record ${id}: ${writer} did more than change the value`];
  const [old, now] = [kms.open(before), kms.open(after)];
  if (now === undefined) return [`record ${id}: ${writer} wrote what the KMS never gave out`];
  return [
    ...(old?.plaintext === now.plaintext ? [] : [`record ${id}: ${writer} changed what the value says`]),
    ...(now.aad === aadOf(id) ? [] : [`record ${id}: ${writer} wrote a value of another record`]),
    ...(now.versionId === pinned ? [] : [`record ${id}: ${writer} wrote under ${now.versionId}`]),
  ];
}

/** Each write replaces what the last one left: none came in between unseen. */
function brokenChains({ history, table }: Evidence): string[] {
  const last = new Map<string, Buffer | null>();
  const broken: string[] = [];
  for (const { id, before, after } of history) {
    const known = last.get(id);
    if (known !== undefined && !isSame(known, before)) broken.push(`record ${id}: a write is missing`);
    last.set(id, after);
  }
  const final = new Map(table.map(({ id, value }) => [id, value]));
  for (const [id, value] of last)
    if (!isSame(final.get(id) ?? null, value))
      broken.push(`record ${id}: the table is not what was written last`);
  return broken;
}

/** What the database has acknowledged to the application is in the history. */
function lostWrites({ history, acknowledged, kms }: Evidence): string[] {
  const ofApplication = history.filter(({ writer }) => writer === 'application');
  const written = new Set(
    ofApplication.map(({ id, after }) => `${id} ${after === null ? null : kms.open(after)?.plaintext}`),
  );
  return acknowledged
    .filter(({ id, plaintext }) => !written.has(`${id} ${plaintext}`))
    .map(({ id }) => `record ${id}: an acknowledged write is lost`);
}

/** Every record says what the application wrote last, or what it said at the start, under the pin. */
function wrongRows({ history, table, poisonedIds, kms }: Evidence): string[] {
  const poisoned = new Set(poisonedIds);
  const written = new Map<string, Buffer | null>();
  for (const { id, writer, after } of history) if (writer === 'application') written.set(id, after);
  return table.flatMap(({ id, value, note }) => {
    const wrong = note === `note-${id}` ? [] : [`record ${id}: its note has changed`];
    if (poisoned.has(id))
      return value.toString() === `rubbish-${id}`
        ? wrong
        : [...wrong, `record ${id}: poison was written over`];
    const lastWritten = written.get(id) ?? null;
    const said = lastWritten === null ? `plain-${id}` : kms.open(lastWritten)?.plaintext;
    const opened = kms.open(value);
    if (opened?.plaintext !== said) wrong.push(`record ${id}: it does not say what was written last`);
    if (opened?.versionId !== pinned) wrong.push(`record ${id}: it is left under ${opened?.versionId}`);
    return wrong;
  });
}

function isSame(left: Buffer | null, right: Buffer | null): boolean {
  return left === null || right === null ? left === right : left.equals(right);
}
