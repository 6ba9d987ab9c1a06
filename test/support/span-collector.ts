import { once } from 'node:events';
import { createServer } from 'node:http';
import { z } from 'zod';

const attributes = z.array(z.object({ key: z.string(), value: z.unknown() }));
const span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  kind: z.number(),
  attributes,
  events: z.array(z.unknown()).default([]),
});
const exported = z.object({
  resourceSpans: z.array(
    z.object({ resource: z.object({ attributes }), scopeSpans: z.array(z.object({ spans: z.array(span) })) }),
  ),
});
export type CollectedSpan = z.output<typeof span>;

/** What takes spans as an OpenTelemetry collector does (OTLP 1, HTTP with JSON). */
export interface SpanCollector {
  readonly endpoint: string;
  /** All that was sent, as it came. */
  readonly texts: string[];
  spans(): CollectedSpan[];
  /** The attributes of the senders. */
  resources(): z.output<typeof attributes>[];
  close(): Promise<void>;
}

export async function startSpanCollector(): Promise<SpanCollector> {
  const texts: string[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const isTraces = request.url === '/v1/traces' && request.method === 'POST';
      if (isTraces) texts.push(text);
      response.writeHead(isTraces ? 200 : 404, { 'content-type': 'application/json' }).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  const read = () => texts.flatMap((text) => exported.parse(JSON.parse(text)).resourceSpans);
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    texts,
    spans: () => read().flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
    resources: () => read().map(({ resource }) => resource.attributes),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
