import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as send } from 'undici';

/**
 * How a request is answered: by the KMS behind, or with one of the ways in which gateways quote what they
 * got.
 */
export type Answer = 'forward' | Echo;
const echoes = [
  'refused',
  'unauthenticated',
  'page',
  'redirect',
  'cut JSON',
  'no HTTP',
  'other version',
] as const;
type Echo = (typeof echoes)[number];
/** Would mean something else for a call without a record in it. */
const aboutRecords: ReadonlySet<Answer> = new Set(['refused', 'other version']);

/** A gateway before a KMS, of the talkative kind: its errors repeat the request, token and body. */
export interface EchoingGateway {
  readonly url: string;
  /** Taken one after the other, round and round. */
  answers: readonly Answer[];
  /** The JWTs and tokens that went through it, and the ciphertexts in base64. */
  readonly carried: Carried;
  readonly echoed: ReadonlyMap<Echo, number>;
  close(): Promise<void>;
}

interface Carried {
  readonly tokens: Set<string>;
  readonly ciphertexts: Set<string>;
}

export async function startEchoingGateway(kmsUrl: string): Promise<EchoingGateway> {
  const carried: Carried = { tokens: new Set(), ciphertexts: new Set() };
  const echoed = new Map<Echo, number>();
  let turn = 0;
  const gateway = { answers: ['forward'] as readonly Answer[], carried, echoed };
  const server = createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readText(request);
    noteSecrets(carried, body);
    const how = gateway.answers[turn++ % gateway.answers.length] ?? 'forward';
    const isOfRecord = body.includes('"ciphertext"');
    if (how === 'forward' || (aboutRecords.has(how) && !isOfRecord))
      return forward(kmsUrl, request, body, response, carried);
    echoed.set(how, (echoed.get(how) ?? 0) + 1);
    const quote = `${request.headers.authorization ?? ''} ${body} ${decodedFields(body)}`;
    echo(how, quote, body, request, response);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return Object.assign(gateway, {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

function echo(
  how: Echo,
  quote: string,
  body: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const inHeader = Buffer.from(quote).toString('base64url');
  const status = (code: number): string =>
    JSON.stringify({ code, message: `refused: ${quote}`, details: [{ '@type': 'Debug', detail: quote }] });
  switch (how) {
    case 'refused':
      return void response.writeHead(400, { 'content-type': 'application/json' }).end(status(3));
    case 'unauthenticated':
      return void response
        .writeHead(401, { 'content-type': 'application/json', 'www-authenticate': `Bearer ${inHeader}` })
        .end(status(16));
    case 'page':
      return void response
        .writeHead(502, { 'content-type': 'text/html', 'x-debug': inHeader })
        .end(`<html><h1>Bad gateway</h1><pre>${quote}</pre></html>`);
    case 'redirect':
      return void response.writeHead(307, { location: `https://elsewhere.example/?was=${inHeader}` }).end();
    case 'cut JSON':
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(`{"was": "${quote}`);
    case 'no HTTP':
      return void request.socket.end(`${quote}\r\nHTTP/1.1 200\r\n\r\n`);
    case 'other version': {
      const { ciphertext, sourceKeyId } = JSON.parse(body);
      const ids = { keyId: sourceKeyId, versionId: 'other', sourceKeyId, sourceVersionId: 'another' };
      return void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ ...ids, ciphertext, message: quote }));
    }
  }
}

async function forward(
  kmsUrl: string,
  { url = '', method = '', headers }: IncomingMessage,
  body: string,
  response: ServerResponse,
  carried: Carried,
): Promise<void> {
  const reply = await send(kmsUrl + url, {
    method: method === 'GET' ? 'GET' : 'POST',
    headers: {
      'content-type': headers['content-type'] ?? '',
      ...(headers.authorization === undefined ? {} : { authorization: headers.authorization }),
    },
    body: method === 'GET' ? null : body,
  });
  const text = await reply.body.text();
  noteSecrets(carried, text);
  response.writeHead(reply.statusCode, { 'content-type': 'application/json' }).end(text);
}

function noteSecrets({ tokens, ciphertexts }: Carried, body: string): void {
  for (const [, value = ''] of body.matchAll(/"(?:jwt|iamToken)":\s*"([^"]+)"/g)) tokens.add(value);
  for (const [, value = ''] of body.matchAll(/"(?:c|dataKeyC)iphertext":\s*"([^"]+)"/g))
    ciphertexts.add(value);
}

/** As a gateway would that logs what it decodes. */
function decodedFields(body: string): string {
  return [...body.matchAll(/"(?:aadContext|sourceAadContext)":\s*"([^"]+)"/g)]
    .map(([, value = '']) => Buffer.from(value, 'base64').toString())
    .join(' ');
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
