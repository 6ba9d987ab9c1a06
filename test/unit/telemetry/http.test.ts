import { once } from 'node:events';
import { connect } from 'node:net';
import { request } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import { startTelemetryServer, type TelemetryServer } from '../../../src/telemetry/http.ts';
import { freePort } from '../../support/servers.ts';

const host = '127.0.0.1';

async function start(reasons: readonly string[] = [], port = 0): Promise<TelemetryServer> {
  const server = await startTelemetryServer(
    { host, port },
    {
      renderMetrics: async () => 'keyturn_any 1\n',
      metricsContentType: 'text/plain; version=0.0.4; charset=utf-8',
      notReady: () => reasons,
      page: null,
      board: null,
    },
  );
  onTestFinished(() => server.close());
  return server;
}

async function get(port: number, path: string): Promise<{ status: number; type: unknown; text: string }> {
  const { statusCode, headers, body } = await request(`http://${host}:${port}${path}`);
  return { status: statusCode, type: headers['content-type'], text: await body.text() };
}

test('/metrics is what Prometheus reads', async () => {
  const { port } = await start();
  expect(await get(port, '/metrics')).toEqual({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
    text: 'keyturn_any 1\n',
  });
});

test('/healthz answers 200 though a peer is out of reach, so that nobody restarts the process for it', async () => {
  const { port } = await start(['kms: KMS is out of reach']);
  expect(await get(port, '/healthz')).toMatchObject({ status: 200, text: '{"status":"ok"}' });
});

test('/readyz answers 200 when nothing is in the way', async () => {
  const { port } = await start();
  expect(await get(port, '/readyz')).toMatchObject({ status: 200, text: '{"ready":true,"reasons":[]}' });
});

test('/readyz answers 503 with the reasons', async () => {
  const { port } = await start(['kms: KMS is out of reach', 'store: no answer']);
  const { status, text } = await get(port, '/readyz');
  expect(status).toBe(503);
  expect(JSON.parse(text)).toEqual({
    ready: false,
    reasons: ['kms: KMS is out of reach', 'store: no answer'],
  });
});

test('anything else is 404', async () => {
  const { port } = await start();
  expect((await get(port, '/')).status).toBe(404);
});

test('it listens on the port that is asked for', async () => {
  const port = await freePort();
  expect((await start([], port)).port).toBe(port);
  expect((await get(port, '/healthz')).status).toBe(200);
});

test('a port in use is a usage fault that names it and the way out', async () => {
  const { port } = await start();
  await expect(start([], port)).rejects.toMatchObject({
    faultClass: 'usage',
    code: 'METRICS_PORT',
    message: `cannot serve metrics on 127.0.0.1:${port} (EADDRINUSE); set metrics.port to a free port, or to 0`,
  });
});

test('it closes at once though a scraper keeps its connection', async () => {
  const server = await start();
  const socket = connect(server.port, host);
  socket.write('GET /healthz HTTP/1.1\r\nhost: any\r\n\r\n');
  await once(socket, 'data');
  const gone = once(socket, 'close');
  await server.close();
  await gone;
});
