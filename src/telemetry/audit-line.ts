import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { AuditEvent, AuditOrigin } from './audit-event.ts';

/** What the first line has in place of the hash of the line before. */
const noHash = '0'.repeat(64);

/** No line is longer, so whoever reads needs no more memory. */
export const maxLineBytes = 1_048_576;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
/** Flat, so that no foreign line can nest deeper than a stack goes. */
const detail = z.union([z.string(), z.number(), z.boolean(), z.null(), z.record(z.string(), z.number())]);
const auditLine = z
  .object({
    seq: z.int().min(1),
    time: z.string(),
    rotation: z.string(),
    event: z.string(),
    actor: z.string(),
    host: z.string(),
    pid: z.int(),
    tool: z.string(),
    prev: hash,
    hash,
  })
  .catchall(detail);

/** A line whose hash is that of its content. */
export type AuditLine = z.output<typeof auditLine>;

/** An event that has no place in the chain yet. */
export interface AuditEntry {
  /** ISO 8601. */
  readonly time: string;
  readonly event: AuditEvent;
}

/** The last line of a chain, or what stands for it before the first. */
export type ChainEnd = Pick<AuditLine, 'seq' | 'hash'>;
export const emptyChain: ChainEnd = { seq: 0, hash: noHash };

/** Chains an entry to the line before it. `text` has no line break. */
export function sealLine(
  before: ChainEnd,
  origin: AuditOrigin,
  { time, event }: AuditEntry,
): { readonly text: string; readonly end: ChainEnd } {
  const seq = before.seq + 1;
  const content = { ...event, ...origin, seq, time, prev: before.hash };
  const hash = sha256(canonicalJson(content));
  return { text: canonicalJson({ ...content, hash }), end: { seq, hash } };
}

/** What `readLine` says of a part of a line, as a process leaves it that dies as it writes. */
export const halfLine = 'is no whole line of an audit log';

/**
 * Reads a line, without its line break. A string says in words why it is none: each byte counts, so that JSON
 * that only means the same is none either.
 */
export function readLine(bytes: Uint8Array): AuditLine | string {
  const text = Buffer.from(bytes).toString('utf8');
  const json = parseJson(text);
  if (json === undefined) return halfLine;
  const parsed = auditLine.safeParse(json);
  if (!parsed.success) return 'is no line of an audit log';
  const { hash, ...content } = parsed.data;
  if (hash !== sha256(canonicalJson(content))) return 'was edited: its hash is not that of its content';
  if (!Buffer.from(canonicalJson(parsed.data)).equals(bytes)) return 'was edited: it is written another way';
  return parsed.data;
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/**
 * JSON without blanks and with members in the order of their names. Unlike RFC 8785 it has a form for half a
 * surrogate pair, too: what a peer said is written down, whatever it is.
 */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, node: unknown) =>
    typeof node === 'object' && node !== null && !Array.isArray(node)
      ? Object.fromEntries(Object.entries(node).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : node,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
