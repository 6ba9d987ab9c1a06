import { open, type FileHandle } from 'node:fs/promises';
import { asFault, Fault } from '../rotation/faults.ts';
import { errnoOf } from '../rotation/errno.ts';
import type { AuditEvent, AuditOrigin } from './audit-event.ts';
import { emptyChain, sealLine, sha256, type AuditEntry, type ChainEnd } from './audit-line.ts';
import { lockHeld, withAuditLock } from './audit-lock.ts';
import { noAuditLog, readAuditTail } from './audit-tail.ts';

/** Entries in one write: far less than the longest line that a reader takes. */
const entriesPerWrite = 100;
const maxReasonLength = 1000;

/** Writes to an audit log that other processes of this machine may write to as well. */
export interface AuditLog {
  /**
   * Returns when the event is on the disk. Events that come while others are written share one write and one
   * fsync. What cannot be written is kept, and written before the next event. Throws a usage fault
   * AUDIT_UNWRITABLE, AUDIT_LOCKED or AUDIT_BROKEN.
   */
  record(event: AuditEvent): Promise<void>;
}

/** `file` is made when the first event comes; its folder must be there. */
export function openAuditLog(file: string, origin: AuditOrigin, nowMs = Date.now): AuditLog {
  const waiting: AuditEntry[] = [];
  let turn: Promise<void> = Promise.resolve();

  async function writeWaiting(): Promise<void> {
    while (waiting.length > 0) {
      await withAuditLock(`${file}.lock`, async () => {
        const entries = waiting.slice(0, entriesPerWrite);
        await append(file, origin, entries, nowMs);
        waiting.splice(0, entries.length);
      });
    }
  }

  return {
    record(event) {
      const entry = { time: new Date(nowMs()).toISOString(), event: shorten(event) };
      waiting.push(entry);
      const mine = turn
        .catch(() => undefined)
        .then(() => (waiting.includes(entry) ? writeWaiting() : undefined))
        .catch((error: unknown) => {
          throw toAuditFault(error, file, waiting);
        });
      turn = mine;
      return mine;
    },
  };
}

/** Chains the entries to the last line, whoever wrote it. To be called by the holder of the lock alone. */
async function append(
  file: string,
  origin: AuditOrigin,
  entries: readonly AuditEntry[],
  nowMs: () => number,
): Promise<void> {
  // Whoever may read the folder's other logs by his group may read this one.
  const handle = await open(file, 'a+', 0o640);
  try {
    const { sizeBytes, last, rest, isEnded } = await readAuditTail(handle, file);
    const found: AuditEntry[] = [];
    if (rest.length > 0) {
      if (last === null && !looksOurs(rest)) throw noAuditLog(file, 'is no line of an audit log');
      found.push({
        time: new Date(nowMs()).toISOString(),
        event: tornBy(isEnded ? rest.subarray(0, -1) : rest),
      });
    }
    let end: ChainEnd = last ?? emptyChain;
    let text = isEnded ? '' : '\n';
    for (const entry of [...found, ...entries]) {
      const sealed = sealLine(end, origin, entry);
      text += `${sealed.text}\n`;
      end = sealed.end;
    }
    await writeOrTakeBack(handle, Buffer.from(text), sizeBytes);
  } finally {
    await handle.close();
  }
}

/**
 * What is written behind half a line that a process left when it died: its bytes stay, and their digest tells
 * them from an edit.
 */
function tornBy(bytes: Buffer): AuditEvent {
  return { event: 'torn', bytes: bytes.length, digest: sha256(bytes) };
}

/** Rather than to write into a file that is something else. */
function looksOurs(bytes: Buffer): boolean {
  const [line = ''] = bytes.toString('latin1').split('\n', 1);
  const beginning = '{"actor":"';
  return line !== '' && (line.startsWith(beginning) || beginning.startsWith(line));
}

/** All of it, on the disk; else none of it, as far as the disk lets us. */
async function writeOrTakeBack(handle: FileHandle, bytes: Buffer, sizeBytes: number): Promise<void> {
  try {
    for (let written = 0; written < bytes.length;) {
      const { bytesWritten } = await handle.write(bytes, written);
      written += bytesWritten;
    }
    await handle.datasync();
  } catch (error) {
    await handle.truncate(sizeBytes).catch(() => undefined);
    throw error;
  }
}

function shorten(event: AuditEvent): AuditEvent {
  return 'reason' in event ? { ...event, reason: event.reason.slice(0, maxReasonLength) } : event;
}

function toAuditFault(error: unknown, file: string, waiting: readonly AuditEntry[]): Fault {
  if (error instanceof Fault) return error;
  const code = errnoOf(error);
  const names = [...new Set(waiting.map(({ event }) => event.event))].join(', ');
  const lost = `; not recorded: ${waiting.length} (${names})`;
  if (code === lockHeld)
    return new Fault(
      'usage',
      'AUDIT_LOCKED',
      `the audit log ${file} is held by another process for half a minute; if no keyturn runs on it, remove ${file}.lock and ${file}.lock.over${lost}`,
    );
  if (!/^E[A-Z]+$/.test(code)) return asFault(error);
  return new Fault(
    'usage',
    'AUDIT_UNWRITABLE',
    `cannot write the audit log ${file} (${code}); keyturn must be able to write it and make ${file}.lock beside it, so make room or mend the rights${lost}`,
    { cause: error },
  );
}
