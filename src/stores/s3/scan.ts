import { z } from 'zod';
import { Fault } from '../../rotation/faults.ts';
import type { ScanPage } from '../../rotation/ports/record-store.ts';
import type { Cursor, Ref } from '../../rotation/record.ts';
import type { S3StoreOptions } from './options.ts';
import type { ListStart, S3Requests } from './requests.ts';

export type S3Scope = Pick<S3StoreOptions, 'prefix' | 'suffix'>;

/** Requests that a count may take, a thousand objects each. */
const countedLists = 10;

const entry = z.object({ Key: z.string().min(1), Size: z.number().optional() });

interface List {
  readonly refs: readonly Ref[];
  /** Null at the end of the bucket. */
  readonly next: ListStart | null;
}

const beginning: ListStart = { after: null, token: null };

/**
 * Key of an object that proves compare-and-swap; one that a killed process left behind is no record either.
 */
export function scratchPrefix({ prefix }: S3Scope): string {
  return `${prefix}.keyturn-check-`;
}

/**
 * Keys in S3's order, by their UTF-8 bytes. A page's cursor is its last key. Whether an object has the
 * metadata field that is asked for only `read` can tell.
 */
export async function* scanKeys(
  requests: S3Requests,
  scope: S3Scope,
  from: Cursor | null,
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<ScanPage> {
  let waiting: Ref[] = [];
  let start: ListStart | null = { after: from, token: null };
  while (start !== null) {
    const list: List | null = await listUnlessAborted(requests, scope, start, signal);
    if (list === null) return;
    waiting.push(...list.refs);
    start = list.next;
    while (waiting.length >= limit || (start === null && waiting.length > 0)) {
      const refs = waiting.slice(0, limit);
      waiting = waiting.slice(limit);
      const cursor = refs.at(-1);
      if (cursor === undefined || signal.aborted) return;
      yield { refs, cursor };
    }
  }
}

export async function countKeys(
  requests: S3Requests,
  scope: S3Scope,
): Promise<{ records: number; exact: boolean }> {
  let records = 0;
  let start = beginning;
  for (let lists = 0; lists < countedLists; lists += 1) {
    const { refs, next } = await listKeys(requests, scope, start);
    records += refs.length;
    if (next === null) return { records, exact: true };
    start = next;
  }
  return { records, exact: false };
}

async function listUnlessAborted(
  requests: S3Requests,
  scope: S3Scope,
  start: ListStart,
  signal: AbortSignal,
): Promise<List | null> {
  if (signal.aborted) return null;
  try {
    const list = await listKeys(requests, scope, start, signal);
    return signal.aborted ? null : list;
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

/** One list of at most a thousand keys; fails where the reply is none. */
export async function listKeys(
  requests: Pick<S3Requests, 'list'>,
  scope: S3Scope,
  start: ListStart = beginning,
  signal?: AbortSignal,
): Promise<List> {
  const reply = await requests.list(scope.prefix, start, signal);
  // A portal's page, taken for a list, would be that of an empty bucket, with nothing left to rotate.
  if (reply.IsTruncated === undefined) throw badList('does not answer as S3 does');
  const isEncoded = reply.EncodingType === 'url';
  const entries = z.array(entry).safeParse(reply.Contents ?? []).data;
  if (entries === undefined) throw badList('names no key for an object');
  const objects = entries.map(({ Key, Size }) => ({ key: isEncoded ? decodeKey(Key) : Key, size: Size }));
  let last = start.after;
  for (const { key } of objects) {
    // Else a server that ignores where to start would be listed for ever, and one without order with gaps.
    if (last !== null && Buffer.compare(Buffer.from(last), Buffer.from(key)) >= 0)
      throw badList('does not list keys in the order of their bytes, as a directory bucket does not');
    last = key;
  }
  const refs = objects.filter((object) => isRecord(object, scope)).map(({ key }) => key);
  if (!reply.IsTruncated) return { refs, next: null };
  const token = reply.NextContinuationToken ?? null;
  if (token === null && objects.length === 0) throw badList('breaks a list off and does not say where');
  return { refs, next: { after: last, token } };
}

/** S3 encodes as a form does: a space as `+`. */
function decodeKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch {
    throw badList('encodes a key in a way that is not UTF-8');
  }
}

/** An empty object named like a folder is what consoles make to show one. */
function isRecord(object: { key: string; size: number | undefined }, scope: S3Scope): boolean {
  const isFolder = object.key.endsWith('/') && object.size === 0;
  return object.key.endsWith(scope.suffix) && !isFolder && !object.key.startsWith(scratchPrefix(scope));
}

function badList(what: string): Fault {
  return new Fault('rotation', 'S3_BAD_LIST', `the server ${what}: it cannot be scanned safely`, {
    peer: 'store',
  });
}
