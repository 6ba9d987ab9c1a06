import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TlsOptions } from 'node:tls';

const vectors = new URL('../vectors/tls/', import.meta.url);
/** A certificate for 127.0.0.1, not for localhost, that only a client which is given it trusts. */
export const loopbackCertificate = readFileSync(new URL('loopback-cert.pem', vectors), 'utf8');
const loopbackKey = readFileSync(new URL('loopback-key.pem', vectors), 'utf8');

export interface ReceivedRequest {
  readonly method: string;
  /** Path and query as they came over the wire. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers a request that has come in whole; may also cut it, or leave it open. */
export type Answer = (response: ServerResponse, request: ReceivedRequest) => void;

export interface RecordingServer {
  readonly url: string;
  readonly received: readonly ReceivedRequest[];
  /** Connections ever made. */
  connections(): number;
  close(): Promise<void>;
}

/** An HTTP server on 127.0.0.1 that keeps what it is sent; HTTPS with `tls`. */
export async function startRecordingServer(answer: Answer, tls?: TlsOptions): Promise<RecordingServer> {
  const received: ReceivedRequest[] = [];
  const listener: RequestListener = (incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const request = {
        method: incoming.method ?? '',
        path: incoming.url ?? '',
        headers: incoming.headers,
        body: Buffer.concat(chunks).toString(),
      };
      received.push(request);
      answer(response, request);
    });
  };
  const server = tls
    ? createTlsServer({ cert: loopbackCertificate, key: loopbackKey, ...tls }, listener)
    : createServer(listener);
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    received,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function answerJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
