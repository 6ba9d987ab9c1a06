import { createReadStream } from 'node:fs';
import { Fault } from '../rotation/faults.ts';
import { errnoOf } from '../rotation/errno.ts';
import {
  emptyChain,
  halfLine,
  maxLineBytes,
  readLine,
  sha256,
  type AuditLine,
  type ChainEnd,
} from './audit-line.ts';

/** What was found in an audit log. */
export interface AuditCheck {
  /** The chain holds from the first line to the end, and holds the head that was asked for. */
  readonly ok: boolean;
  /** Lines of the chain that hold. */
  readonly entries: number;
  /** ISO 8601; null if there is no line. */
  readonly firstTime: string | null;
  readonly lastTime: string | null;
  /** Hash of the last line that holds. */
  readonly head: string | null;
  /** Halves of lines that dying processes left, each recorded by the next one. */
  readonly torn: number;
  /** Lines behind the head that was asked for; null if none was, or it is not there. */
  readonly afterHead: number | null;
  /** The first thing that is wrong; `line` counts from 1, null where no line is to blame. */
  readonly problem: { readonly line: number | null; readonly message: string } | null;
}

interface RawLine {
  readonly number: number;
  readonly bytes: Buffer;
  /** It has its line break. */
  readonly whole: boolean;
}

type Problem = NonNullable<AuditCheck['problem']>;

/**
 * Follows the chain of an audit log from its first line, in constant memory. A log that was cut behind
 * `head`, or at its end where `head` is null, looks whole: only a head that was kept elsewhere shows the cut.
 * Throws a usage fault FILE_UNREADABLE.
 */
export async function checkAudit(file: string, head: string | null): Promise<AuditCheck> {
  let end: ChainEnd = emptyChain;
  let [firstTime, lastTime]: [string | null, string | null] = [null, null];
  let torn = 0;
  let headAt: number | null = null;
  let problem: Problem | null = null;
  /** Halves of lines; the next whole line says whether a crash left them. */
  let halves: { line: number; message: string; parts: Buffer[]; bytes: number } | null = null;

  for await (const raw of linesOf(file)) {
    const line = raw.whole ? readLine(raw.bytes) : unfinished;
    if (typeof line === 'string') {
      halves ??= { line: raw.number, message: line, parts: [], bytes: 0 };
      halves.parts.push(...(halves.parts.length === 0 ? [] : [lineBreak]), raw.bytes);
      halves.bytes += raw.bytes.length + 1;
      if (line === halfLine && halves.bytes <= maxLineBytes) continue;
      break;
    }
    if (halves !== null) {
      if (!tellsOf(line, Buffer.concat(halves.parts))) break;
      halves = null;
      torn += 1;
    } else if (line.event === 'torn') {
      problem = {
        line: raw.number,
        message: 'tells of half a line before it that is not there: it was removed',
      };
      break;
    }
    const message = placeProblem(end, line);
    if (message !== null) {
      problem = { line: raw.number, message };
      break;
    }
    end = line;
    firstTime ??= line.time;
    lastTime = line.time;
    if (line.hash === head) headAt = line.seq;
  }
  if (halves !== null) problem = { line: halves.line, message: halves.message };
  problem ??= endProblem(end, head, headAt);
  return {
    ok: problem === null,
    entries: end.seq,
    firstTime,
    lastTime,
    head: end.seq === 0 ? null : end.hash,
    torn,
    afterHead: headAt === null ? null : end.seq - headAt,
    problem,
  };
}

const lineBreak = Buffer.from('\n');
const unfinished =
  'has no end: it was cut, or a process died as it wrote (then the next keyturn command says so in the log; check again behind it)';

/** Whether a line was written for what a process left before it when it died. */
function tellsOf(line: AuditLine, bytes: Uint8Array): boolean {
  return line.event === 'torn' && line['bytes'] === bytes.length && line['digest'] === sha256(bytes);
}

function placeProblem({ seq, hash }: ChainEnd, line: AuditLine): string | null {
  if (line.prev === hash && line.seq === seq + 1) return null;
  if (seq === 0) return `is not the first of a log but number ${line.seq}: the lines before it were cut off`;
  if (line.seq > seq + 1)
    return `has number ${line.seq} where ${seq + 1} is due: lines were removed or reordered`;
  if (line.seq <= seq) return `has number ${line.seq} behind number ${seq}: lines were added or reordered`;
  return 'does not follow the line before it: a line was replaced';
}

function endProblem(end: ChainEnd, head: string | null, headAt: number | null): Problem | null {
  if (end.seq === 0) return { line: null, message: 'the file holds no line: it is new, or all was cut off' };
  if (head === null || headAt !== null) return null;
  return {
    line: null,
    message: `no line has the hash ${head}: the end was cut off, or this is not the log that the head is of`,
  };
}

/** The file's lines, in bytes: decoding would hide some edits. */
async function* linesOf(file: string): AsyncGenerator<RawLine> {
  let number = 0;
  let rest: Buffer[] = [];
  let restBytes = 0;
  try {
    for await (const chunk of createReadStream(file)) {
      const bytes = Buffer.from(chunk);
      let start = 0;
      for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
        number += 1;
        yield { number, bytes: Buffer.concat([...rest, bytes.subarray(start, end)]), whole: true };
        [rest, restBytes, start] = [[], 0, end + 1];
      }
      rest.push(bytes.subarray(start));
      restBytes += bytes.length - start;
      // It is none of ours, and need not be read to its end.
      if (restBytes > maxLineBytes) break;
    }
  } catch (error) {
    throw new Fault('usage', 'FILE_UNREADABLE', `cannot read the audit log ${file} (${errnoOf(error)})`, {
      cause: error,
    });
  }
  if (restBytes > 0) yield { number: number + 1, bytes: Buffer.concat(rest), whole: false };
}
