import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';

interface Sealed {
  readonly versionId: string;
  readonly aad: string;
  readonly plaintext: string;
}

export interface OpaqueKms {
  readonly endpoint: string;
  readonly token: string;
  /** The version that a request without one uses. */
  primary: string;
  /** Share of the calls that fail in one of many ways. */
  troubleShare: number;
  /** The ways of failing that are drawn from. */
  troubles: readonly Trouble[];
  /** Each request is noted at once, and answered after this, which is told its method. */
  beforeAnswer: (method: string | undefined) => Promise<unknown>;
  /** What every reEncrypt is answered with, where it is not null: an HTTP status and a google.rpc code. */
  refusal: { status: number; code: number } | null;
  /** What a record of this plaintext is re-encrypted to, where it is not null, with ids as they should be. */
  garble: (plaintext: string) => Buffer | null;
  readonly calls: {
    readonly at: number;
    readonly method: string | undefined;
    readonly trouble: Trouble | null;
    /** When the caller gave up before it was answered, by `performance.now()`. */
    abandonedAt: number | null;
  }[];
  encrypt(plaintext: string, aad: string, versionId: string): Buffer;
  open(ciphertext: Uint8Array): Sealed | undefined;
  close(): Promise<void>;
}

const keyId = 'k1';
const text = z.string();
const base64 = text.regex(/^[A-Za-z0-9+/]*={0,2}$/);
const reEncryptRequest = z.strictObject({
  versionId: text.max(50).optional(),
  aadContext: base64.optional(),
  sourceKeyId: z.literal(keyId),
  sourceAadContext: base64.optional(),
  ciphertext: base64.min(1),
});
const dataKeyRequest = z.strictObject({
  versionId: text.max(50).optional(),
  aadContext: base64.optional(),
  dataKeySpec: z.enum(['AES_128', 'AES_192', 'AES_256', 'AES_256_HSM']),
  skipPlaintext: z.boolean().optional(),
});

/**
 * A KMS that is not the emulator: its ciphertexts tell nothing, its replies leave defaults out, and it fails
 * as gateways do. It checks what it is sent, and answers 400 to anything that the seeds do not allow.
 */
export async function startOpaqueKms(): Promise<OpaqueKms> {
  const sealed = new Map<string, Sealed>();
  const token = `t1.${randomBytes(12).toString('hex')}`;
  const server = createServer((request, response) => void answer(request, response));

  function seal(plaintext: string, aad: string, versionId: string): Buffer {
    const ciphertext = randomBytes(40);
    sealed.set(ciphertext.toString('hex'), { versionId, aad, plaintext });
    return ciphertext;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const trouble = Math.random() < kms.troubleShare ? pick(kms.troubles) : null;
    const [, id, method] = /^\/kms\/v1\/keys\/([^:]+):(\w+)$/.exec(request.url ?? '') ?? [];
    const call: OpaqueKms['calls'][number] = { at: performance.now(), method, trouble, abandonedAt: null };
    kms.calls.push(call);
    response.once('close', () => {
      if (!response.headersSent) call.abandonedAt = performance.now();
    });
    await kms.beforeAnswer(method);
    if (trouble !== null) return fail(trouble, request, response);
    if (request.headers.authorization !== `Bearer ${token}`) return refuse(response, 401, 16);
    if (request.method !== 'POST') return refuse(response, 501, 12);
    if (id !== keyId) return refuse(response, 404, 5);
    if (method === 'generateDataKey') {
      const asked = dataKeyRequest.safeParse(body);
      if (!asked.success) return refuse(response, 400, 3);
      return reply(response, {
        keyId,
        versionId: asked.data.versionId ?? kms.primary,
        dataKeyCiphertext: 'AAAA',
      });
    }
    if (kms.refusal !== null) return refuse(response, kms.refusal.status, kms.refusal.code);
    const asked = reEncryptRequest.safeParse(body);
    if (method !== 'reEncrypt' || !asked.success) return refuse(response, 400, 3);
    const { data } = asked;
    const opened = kms.open(Buffer.from(data.ciphertext, 'base64'));
    if (opened === undefined || opened.aad !== decode(data.sourceAadContext)) return refuse(response, 400, 3);
    const versionId = data.versionId ?? kms.primary;
    const sealed = kms.garble(opened.plaintext) ?? seal(opened.plaintext, decode(data.aadContext), versionId);
    const ciphertext = sealed.toString('base64');
    reply(response, { keyId, versionId, sourceKeyId: keyId, sourceVersionId: opened.versionId, ciphertext });
  }

  const kms: OpaqueKms = {
    endpoint: '',
    token,
    primary: 'version-2',
    troubleShare: 0,
    troubles: answeredTroubles,
    beforeAnswer: async () => undefined,
    refusal: null,
    garble: () => null,
    calls: [],
    encrypt: seal,
    open: (ciphertext) => sealed.get(Buffer.from(ciphertext).toString('hex')),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return Object.assign(kms, { endpoint: `http://127.0.0.1:${address.port}` });
}

export type Trouble =
  '429' | '503' | '500' | 'html 502' | 'html 400' | 'empty 500' | 'reset' | 'half a reply' | 'silence';
/** All but silence, which costs a caller its whole timeout. */
const answeredTroubles: readonly Trouble[] = [
  '429',
  '503',
  '500',
  'html 502',
  'html 400',
  'empty 500',
  'reset',
  'half a reply',
];

function fail(trouble: Trouble, request: IncomingMessage, response: ServerResponse): void {
  switch (trouble) {
    case '429':
      response.setHeader('retry-after', Math.random() < 0.5 ? '0' : new Date(Date.now() + 100).toUTCString());
      return refuse(response, 429, 8);
    case '503':
      return refuse(response, 503, 14);
    case '500':
      return refuse(response, 500, 13);
    case 'html 502':
      return void response.writeHead(502, { 'content-type': 'text/html' }).end('<html>bad gateway</html>');
    case 'html 400':
      return void response.writeHead(400, { 'content-type': 'text/html' }).end('<html>bad request</html>');
    case 'empty 500':
      return void response.writeHead(500).end();
    case 'reset':
      return void request.socket.resetAndDestroy();
    case 'half a reply':
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-length': '400' })
        .write('{"keyId":"k1"');
      return void setTimeout(() => response.destroy(), 5);
    case 'silence':
      return undefined;
  }
}

function pick(troubles: readonly Trouble[]): Trouble {
  return troubles[Math.floor(Math.random() * troubles.length)] ?? 'reset';
}

function refuse(response: ServerResponse, status: number, code: number): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req-1' })
    .end(JSON.stringify({ code, message: 'refused', details: [] }, null, 2));
}

/** As a gateway that leaves out what holds its default, and prints what is left prettily. */
function reply(response: ServerResponse, value: Record<string, string>): void {
  const kept = Object.fromEntries(Object.entries(value).filter(([, each]) => each !== ''));
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(kept, null, 2));
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return null;
  }
}

function decode(value: string | undefined): string {
  return Buffer.from(value ?? '', 'base64').toString();
}
