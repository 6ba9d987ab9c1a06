import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { s3Xml, type XmlNode } from './s3-xml.ts';

export interface DoubleObject {
  readonly body: Buffer;
  readonly etag: string;
  readonly versionId: string;
  readonly modifiedMs: number;
  /** Lower-case names: content-type, x-amz-meta-…, x-amz-storage-class and the like. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tags: string;
}

export interface LoggedRequest {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly isCopy: boolean;
}

/** What becomes of a request instead of its usual answer. */
export type Interference =
  | { readonly kind: 'refuse'; readonly status: number; readonly code: string; readonly retryAfter?: string }
  | { readonly kind: 'cutBefore' }
  | { readonly kind: 'cutAfter' }
  | { readonly kind: 'cutBody' }
  | { readonly kind: 'hang' };

/** One bucket of an S3 server, path-style, on a free port. Checks and writes happen in one step, as on S3. */
export interface S3Double {
  readonly endpoint: string;
  readonly bucket: string;
  readonly objects: Map<string, DoubleObject>;
  readonly requests: LoggedRequest[];
  /** Conditions of writes that are not looked at. */
  readonly ignored: Set<'if-match' | 'copy-if-match' | 'unmodified-since' | 'if-match-on-missing'>;
  /** ACL grantees by URI for every object: `READ`. */
  publicRead: boolean;
  ownership: string | null;
  versioning: 'Enabled' | 'Suspended' | null;
  /** Says with an object how many tags it has. */
  countsTags: boolean;
  /** Keys in a page at most. */
  pageSize: number;
  /** Pages that are listed as if they held deleted keys only. */
  hidden: (keys: readonly string[]) => boolean;
  nowMs: () => number;
  /** Runs before a request is answered, and may stand in for the answer. */
  interfere: (request: LoggedRequest) => Interference | undefined;
  put(key: string, body: Uint8Array, headers?: Record<string, string>, tags?: string): void;
  close(): Promise<void>;
}

const keptHeader =
  /^(content-(type|encoding|disposition|language)|cache-control|expires|x-amz-(meta-|storage-class|server-side-encryption|website-redirect|object-lock|grant-|restore|missing-meta).*)$/;

export async function startS3Double(): Promise<S3Double> {
  const bucket = 'vault';
  const objects = new Map<string, DoubleObject>();
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const double: S3Double = {
    endpoint: `http://127.0.0.1:${port}`,
    bucket,
    objects,
    requests: [],
    ignored: new Set(),
    publicRead: false,
    ownership: 'BucketOwnerEnforced',
    versioning: null,
    countsTags: true,
    pageSize: 1000,
    hidden: () => false,
    nowMs: Date.now,
    interfere: () => undefined,
    put: (key, body, headers = {}, tags = '') => store(key, Buffer.from(body), headers, tags),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function store(key: string, body: Buffer, headers: Record<string, string>, tags: string): void {
    const etag = `"${createHash('md5').update(body).digest('hex')}"`;
    const defaults = { 'content-type': 'binary/octet-stream' };
    const kept = { ...defaults, ...headers };
    objects.set(key, {
      body,
      etag,
      versionId: randomUUID(),
      modifiedMs: double.nowMs(),
      headers: kept,
      tags,
    });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://double');
    // The URL parser would take `..` in a key for a step back.
    const path = (request.url ?? '/').split('?')[0] ?? '';
    const [, named = '', ...parts] = path.split('/');
    const { headers, method = '' } = request;
    const logged: LoggedRequest = {
      method,
      key: decodeURIComponent(parts.join('/')),
      query: url.searchParams,
      headers,
      isCopy: headers['x-amz-copy-source'] !== undefined,
    };
    const body = await buffer(request);
    double.requests.push(logged);
    const act = double.interfere(logged);
    if (act?.kind === 'hang') return;
    if (act?.kind === 'cutBefore') return void response.destroy();
    const send = (status: number, more: Record<string, string> = {}, content: Uint8Array | string = '') => {
      if (act?.kind === 'cutAfter') return void response.destroy();
      const bytes = Buffer.from(content);
      response.writeHead(status, { 'x-amz-request-id': 'double', 'content-length': bytes.length, ...more });
      if (method === 'HEAD') return void response.end();
      if (act?.kind === 'cutBody') return void response.write(bytes.subarray(0, 1), () => response.destroy());
      response.end(bytes);
    };
    const refuse = (status: number, code: string, more: Record<string, string> = {}) =>
      send(status, more, s3Xml('Error', { Code: code, Message: code, RequestId: 'double' }));

    if (act?.kind === 'refuse') {
      return refuse(
        act.status,
        act.code,
        act.retryAfter === undefined ? {} : { 'retry-after': act.retryAfter },
      );
    }
    if (headers.authorization === undefined) return refuse(403, 'AccessDenied');
    if (named !== bucket) return refuse(404, 'NoSuchBucket');
    if (logged.key === '') return answerBucket(logged, send, refuse);
    const found = objects.get(logged.key);
    const version = double.versioning === null ? {} : { 'x-amz-version-id': found?.versionId ?? '' };
    if (method === 'PUT') return answerWrite(logged, body, send, refuse);
    if (method === 'DELETE') {
      objects.delete(logged.key);
      return send(204);
    }
    if (found === undefined) return refuse(404, 'NoSuchKey');
    if (logged.query.has('tagging')) return send(200, {}, tagsXml(found.tags));
    if (logged.query.has('acl')) return send(200, {}, aclXml(double.publicRead));
    const size =
      found.tags === '' || !double.countsTags
        ? {}
        : { 'x-amz-tagging-count': String(found.tags.split('&').length) };
    const told = { etag: found.etag, 'last-modified': new Date(found.modifiedMs).toUTCString(), ...version };
    if (method === 'GET' && found.headers['x-amz-storage-class'] === 'GLACIER')
      return refuse(403, 'InvalidObjectState');
    const length = { 'content-length': String(found.body.length) };
    // What was put with a `content-length` of its own pretends to be of that size.
    send(200, { ...length, ...found.headers, ...told, ...size }, found.body);
  }

  type Send = (status: number, headers?: Record<string, string>, body?: Uint8Array | string) => void;
  type Refuse = (status: number, code: string) => void;

  function answerBucket({ query }: LoggedRequest, send: Send, refuse: Refuse): void {
    if (query.has('versioning')) {
      const status: XmlNode = double.versioning === null ? {} : { Status: double.versioning };
      return send(200, {}, s3Xml('VersioningConfiguration', status));
    }
    if (query.has('ownershipControls')) {
      if (double.ownership === null) return refuse(404, 'OwnershipControlsNotFoundError');
      return send(200, {}, s3Xml('OwnershipControls', { Rule: { ObjectOwnership: double.ownership } }));
    }
    const prefix = query.get('prefix') ?? '';
    const token = query.get('continuation-token');
    const after = Buffer.from(token ?? query.get('start-after') ?? '', token === null ? 'utf8' : 'base64');
    const keys = [...objects.keys()]
      .filter((key) => key.startsWith(prefix) && Buffer.compare(Buffer.from(key), after) > 0)
      .toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    const page = keys.slice(0, double.pageSize);
    const Contents = page.map((key) => ({
      Key: encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/'),
      Size: String(objects.get(key)?.body.length ?? 0),
    }));
    const IsTruncated = String(page.length < keys.length);
    const next: XmlNode =
      IsTruncated === 'true'
        ? { NextContinuationToken: Buffer.from(page.at(-1) ?? '').toString('base64') }
        : {};
    const shown = double.hidden(page) ? [] : Contents;
    send(200, {}, s3Xml('ListBucketResult', { EncodingType: 'url', IsTruncated, Contents: shown, ...next }));
  }

  function answerWrite(request: LoggedRequest, body: Buffer, send: Send, refuse: Refuse): void {
    const { headers, key, isCopy } = request;
    const found = objects.get(key);
    const ifMatch = headers['if-match'];
    const isBlind = double.ignored.has(isCopy ? 'copy-if-match' : 'if-match');
    if (ifMatch !== undefined && found === undefined && !double.ignored.has('if-match-on-missing'))
      return refuse(404, 'NoSuchKey');
    if (ifMatch !== undefined && found !== undefined && !isBlind && ifMatch !== found.etag)
      return refuse(412, 'PreconditionFailed');
    const kept = Object.fromEntries(
      Object.entries(headers).filter(([name]) => keptHeader.test(name)),
    ) as Record<string, string>;
    if (!isCopy) {
      store(key, body, kept, String(headers['x-amz-tagging'] ?? ''));
      const version = { 'x-amz-version-id': objects.get(key)?.versionId ?? '' };
      return send(200, {
        etag: objects.get(key)?.etag ?? '',
        ...(double.versioning === null ? {} : version),
      });
    }
    if (decodeURIComponent(String(headers['x-amz-copy-source'])) !== `${bucket}/${key}`)
      return refuse(400, 'InvalidArgument');
    if (found === undefined) return refuse(404, 'NoSuchKey');
    const since = headers['x-amz-copy-source-if-unmodified-since'];
    const isNewer =
      since !== undefined && Math.floor(found.modifiedMs / 1000) * 1000 > Date.parse(String(since));
    if (isNewer && !double.ignored.has('unmodified-since')) return refuse(412, 'PreconditionFailed');
    if (found.headers['x-amz-storage-class'] === 'GLACIER') return refuse(403, 'InvalidObjectState');
    store(key, found.body, kept, found.tags);
    send(200, {}, s3Xml('CopyObjectResult', { ETag: found.etag, LastModified: new Date().toISOString() }));
  }

  return double;
}

function tagsXml(tags: string): string {
  const Tag = [...new URLSearchParams(tags)].map(([Key, Value]) => ({ Key, Value }));
  return s3Xml('Tagging', { TagSet: { Tag } });
}

function aclXml(isPublic: boolean): string {
  const owner = { Grantee: { ID: 'owner' }, Permission: 'FULL_CONTROL' };
  const everyone = {
    Grantee: { URI: 'http://acs.amazonaws.com/groups/global/AllUsers' },
    Permission: 'READ',
  };
  const Grant = isPublic ? [owner, everyone] : [owner];
  return s3Xml('AccessControlPolicy', { Owner: { ID: 'owner' }, AccessControlList: { Grant } });
}
