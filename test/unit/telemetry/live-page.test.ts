import { once } from 'node:events';
import { request } from 'undici';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startTelemetryServer } from '../../../src/telemetry/http.ts';
import type { LivePage } from '../../../src/telemetry/live-page.ts';

async function serve(): Promise<{
  origin: string;
  shows: Set<(part: string) => void>;
  close(): Promise<void>;
}> {
  const shows = new Set<(part: string) => void>();
  const page: LivePage = {
    contentSecurityPolicy: "default-src 'none'",
    whole: async () => '<!doctype html>',
    follow(show) {
      shows.add(show);
      return () => void shows.delete(show);
    },
  };
  const { port, close } = await startTelemetryServer(
    { host: '127.0.0.1', port: 0 },
    {
      renderMetrics: async () => '',
      metricsContentType: 'text/plain',
      notReady: () => [],
      page,
      board: null,
    },
  );
  onTestFinished(close);
  return { origin: `http://127.0.0.1:${port}`, shows, close };
}

test('a part of several lines stays one event, whatever its line breaks', async () => {
  const { origin, shows } = await serve();
  const { body, headers } = await request(`${origin}/events`);
  expect(headers['content-type']).toBe('text/event-stream');
  for (const show of shows) show('a\nb\r\nc\rdata: d');
  let text = '';
  body.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await vi.waitFor(() => expect(text).toBe('retry: 2000\n\ndata: a\ndata: b\ndata: c\ndata: data: d\n\n'));
  body.on('error', () => undefined).destroy();
  await vi.waitFor(() => expect(shows.size).toBe(0));
});

test('a browser that does not read costs no memory', async () => {
  const { origin, shows } = await serve();
  const { body } = await request(`${origin}/events`);
  body.pause();
  const [show] = shows;
  const part = 'x'.repeat(1024 * 1024);
  const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
  for (let times = 0; times < 300; times += 1) show?.(`${times}${part}`);
  const after = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
  expect(after - before).toBeLessThan(100 * 1024 * 1024);
  body.destroy();
});

test('more pages than there is room for are refused, and leave room again', async () => {
  const { origin, shows } = await serve();
  const open = await Promise.all(Array.from({ length: 64 }, () => request(`${origin}/events`)));
  const refused = await request(`${origin}/events`);
  expect(refused.statusCode).toBe(503);
  await refused.body.dump();
  expect((await request(`${origin}/metrics`)).statusCode).toBe(200);
  for (const { body } of open) body.destroy();
  await vi.waitFor(() => expect(shows.size).toBe(0));
  const again = await request(`${origin}/events`);
  expect(again.statusCode).toBe(200);
  again.body.destroy();
});

test('an open page does not hold up a worker that stops', async () => {
  const { origin, shows, close } = await serve();
  const { body } = await request(`${origin}/events`);
  const cut = once(body, 'error');
  await close();
  await cut;
  expect(shows.size).toBe(0);
});

test('what would change something is refused', async () => {
  const { origin } = await serve();
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'] as const)
    for (const path of ['/', '/events'])
      expect((await request(`${origin}${path}`, { method })).statusCode).toBe(404);
});
