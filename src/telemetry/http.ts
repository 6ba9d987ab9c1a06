import { fastify, type FastifyInstance, type FastifyPluginCallback } from 'fastify';
import { errnoOf } from '../rotation/errno.ts';
import { Fault } from '../rotation/faults.ts';
import { serveLivePage, type LivePage } from './live-page.ts';

export interface TelemetrySources {
  readonly renderMetrics: () => Promise<string>;
  readonly metricsContentType: string;
  /** What keeps this process from working, in words; empty = ready. */
  readonly notReady: () => readonly string[];
  /** For people; null for none. */
  readonly page: LivePage | null;
  /** Further pages, to look at alone. */
  readonly board: { readonly path: string; readonly plugin: FastifyPluginCallback } | null;
}

export interface TelemetryServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves `/metrics`, `/healthz` (the event loop turns), `/readyz` (broker, store and KMS are in reach), and a
 * page for people at `/`.
 */
export async function startTelemetryServer(
  { host, port }: { host: string; port: number },
  sources: TelemetrySources,
): Promise<TelemetryServer> {
  const server = fastify({ forceCloseConnections: true });
  server.get('/metrics', async (_request, reply) => {
    const text = await sources.renderMetrics();
    return reply.type(sources.metricsContentType).send(text);
  });
  server.get('/healthz', () => ({ status: 'ok' }));
  server.get('/readyz', async (_request, reply) => {
    const reasons = sources.notReady();
    return reply.code(reasons.length === 0 ? 200 : 503).send({ ready: reasons.length === 0, reasons });
  });
  if (sources.page !== null) serveLivePage(server, sources.page);
  if (sources.board !== null) await serveBoard(server, sources.board);
  try {
    await server.listen({ host, port });
  } catch (error) {
    await server.close();
    throw new Fault(
      'usage',
      'METRICS_PORT',
      `cannot serve metrics on ${host}:${port} (${errnoOf(error)}); set metrics.port to a free port, or to 0`,
      { cause: error },
    );
  }
  const [address] = server.addresses();
  const bound = typeof address === 'object' ? address.port : port;
  return { port: bound, close: () => server.close() };
}

/** Whatever its pages offer: a request that could change something is refused before they see it. */
async function serveBoard(
  server: FastifyInstance,
  { path, plugin }: NonNullable<TelemetrySources['board']>,
): Promise<void> {
  await server.register(
    async (scope) => {
      scope.addHook('onRequest', async ({ method }, reply) => {
        if (method !== 'GET' && method !== 'HEAD')
          return reply.code(405).header('allow', 'GET, HEAD').send({ error: 'it can only be looked at' });
      });
      await scope.register(plugin);
    },
    { prefix: path },
  );
}
