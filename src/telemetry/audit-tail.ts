import { open, type FileHandle } from 'node:fs/promises';
import { Fault } from '../rotation/faults.ts';
import { halfLine, maxLineBytes, readLine, type AuditLine } from './audit-line.ts';
import { errnoOf } from '../rotation/errno.ts';

/** The end of an audit log. */
export interface AuditTail {
  readonly sizeBytes: number;
  /** The last whole line; null if there is none. */
  readonly last: AuditLine | null;
  /** What stands behind it: half a line, if a process died as it wrote; more, if the next one did too. */
  readonly rest: Buffer;
  /** The file ends in a line break, or is empty. */
  readonly isEnded: boolean;
}

const lineBreak = 0x0a;
const firstChunkBytes = 65_536;

/**
 * The hash of the last line of an audit log and the number of its lines; null if there is no such file, or no
 * line in it. Throws a usage fault where it cannot be read, or ends in no line of an audit log.
 */
export async function readAuditHead(
  file: string,
): Promise<{ readonly head: string; readonly entries: number } | null> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw new Fault('usage', 'FILE_UNREADABLE', `cannot read the audit log ${file} (${errnoOf(error)})`, {
      cause: error,
    });
  }
  try {
    const { last } = await readAuditTail(handle, file);
    return last === null ? null : { head: last.hash, entries: last.seq };
  } finally {
    await handle.close();
  }
}

/** Reads from the end, so that a log of any length costs the same. */
export async function readAuditTail(handle: FileHandle, file: string): Promise<AuditTail> {
  const { size } = await handle.stat();
  for (let length = firstChunkBytes; length <= 4 * maxLineBytes; length *= 4) {
    const from = Math.max(0, size - length);
    const tail = findLast(await readFrom(handle, from, size - from), from === 0, file);
    if (tail !== null) return { sizeBytes: size, ...tail };
  }
  throw noAuditLog(file);
}

/** The last whole line, with halves of lines behind it at most; null if it begins before the chunk. */
function findLast(chunk: Buffer, isWhole: boolean, file: string): Omit<AuditTail, 'sizeBytes'> | null {
  const isEnded = chunk.length === 0 || chunk.at(-1) === lineBreak;
  for (let end = isEnded ? chunk.length - 1 : chunk.length; ;) {
    // `lastIndexOf` takes a negative offset from the end.
    const before = end < 1 ? -1 : chunk.lastIndexOf(lineBreak, end - 1);
    if (before < 0 && !isWhole) return null;
    const last = readLine(chunk.subarray(before + 1, Math.max(0, end)));
    if (typeof last !== 'string') return { last, rest: chunk.subarray(end + 1), isEnded };
    if (last !== halfLine) throw noAuditLog(file, last);
    if (before < 0) return { last: null, rest: chunk, isEnded };
    end = before;
  }
}

/** `problem`: what is wrong with the last line. */
export function noAuditLog(file: string, problem = 'is longer than any of an audit log'): Fault {
  return new Fault(
    'usage',
    'AUDIT_BROKEN',
    `the last line of ${file} ${problem}; look with 'keyturn verify-audit', keep the file for whoever looks into it, and let audit name a new one`,
  );
}

async function readFrom(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let got = 0;
  while (got < length) {
    const { bytesRead } = await handle.read(buffer, got, length - got, position + got);
    if (bytesRead === 0) break;
    got += bytesRead;
  }
  return buffer.subarray(0, got);
}
