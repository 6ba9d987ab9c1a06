import { randomUUID } from 'node:crypto';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { errnoOf } from '../../rotation/errno.ts';
import { Fault } from '../../rotation/faults.ts';
import { noSuchRoute, refusal, statusOf, wrongVerb } from './status.ts';

/** gRPC's default for a message; ciphertexts have no limit of their own. */
const bodyLimit = 4 * 1024 * 1024;

/**
 * The HTTP server without its routes: every reply has a request id, every error is a google.rpc.Status, and
 * bodies come to the routes as text, whatever their content type:
 * the real service reads them as JSON in any case.
 */
export function createHttpServer(): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit,
    forceCloseConnections: true,
    // Longer than any client keeps an idle connection, so that it is never the server that closes one.
    keepAliveTimeout: 600_000,
    exposeHeadRoutes: false,
    requestIdHeader: false,
    genReqId: () => randomUUID(),
    frameworkErrors: (error, request, reply) => {
      setRequestId(request, reply);
      sendStatus(asRefusal(error), request, reply);
    },
    clientErrorHandler: (_error, socket) => {
      if (socket.writable) socket.end(malformedReply());
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body);
  });
  app.addHook('onRequest', (request, reply, done) => {
    setRequestId(request, reply);
    done();
  });
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    sendStatus(asRefusal(error), request, reply);
  });
  const routePaths = new Set<string>();
  app.addHook('onRoute', (route) => {
    routePaths.add(route.url);
  });
  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?', 1);
    sendStatus(routePaths.has(path) ? wrongVerb() : noSuchRoute(), request, reply);
  });
  return app;
}

/** Returns the endpoint. Throws a usage `Fault` if the port is taken or the address is not ours. */
export async function listenOn(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    await app.listen({ port, host });
  } catch (error) {
    const code = errnoOf(error);
    throw code === 'EADDRINUSE'
      ? new Fault('usage', 'PORT_IN_USE', `port ${port} is in use: choose another, or 0 for a free one`)
      : new Fault('usage', 'LISTEN_FAILED', `cannot listen on ${host}, port ${port}: ${code}`);
  }
  const address = app.server.address();
  const boundPort = typeof address === 'object' && address !== null ? address.port : port;
  return `http://${reachableHost(host)}:${boundPort}`;
}

/** A wildcard address is none to connect to. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function setRequestId(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers({ 'x-request-id': request.id, 'x-server-trace-id': randomUUID() });
}

function sendStatus(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const status = statusOf(error, request.id);
  if (status.retryAfterSeconds !== null) reply.header('retry-after', status.retryAfterSeconds);
  reply.code(status.http).send(status.body);
}

/** Fastify's own errors are the client's doing where their status is a 4xx. */
function asRefusal(error: FastifyError): Error {
  if (error instanceof Fault || (error.statusCode ?? 500) >= 500) return error;
  return error.statusCode === 413
    ? refusal('INVALID_ARGUMENT', `The request body is larger than ${bodyLimit} bytes`)
    : malformedRequest();
}

/** What is not even HTTP is answered on the bare socket. */
function malformedReply(): string {
  const requestId = randomUUID();
  const body = JSON.stringify(statusOf(malformedRequest(), requestId).body);
  const head = [
    'HTTP/1.1 400 Bad Request',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    `x-server-trace-id: ${randomUUID()}`,
    'Connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

function malformedRequest(): Fault {
  return refusal('INVALID_ARGUMENT', 'The HTTP request is malformed');
}
