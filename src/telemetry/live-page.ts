import { PassThrough } from 'node:stream';
import type { FastifyInstance } from 'fastify';

/** So that no number of open pages takes the sockets that a scraper needs. */
const mostFollowers = 64;
/** What a browser waits before it connects again (HTML Standard, server-sent events). */
const retryMs = 2000;

/** A page that shows something that changes. */
export interface LivePage {
  /** What the page may load and run, as HTTP tells it. */
  readonly contentSecurityPolicy: string;
  /** The whole document, as it stands now. */
  whole(): Promise<string>;
  /** Shows the part that changes, anew and anew, until the returned function is called. */
  follow(show: (part: string) => void): () => void;
}

/** Serves `/`, and `/events` with what changes, as server-sent events. Both only read. */
export function serveLivePage(server: FastifyInstance, page: LivePage): void {
  let followers = 0;
  const headers = {
    'content-security-policy': page.contentSecurityPolicy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  };

  server.get('/', async (_request, reply) =>
    reply
      .headers(headers)
      .type('text/html; charset=utf-8')
      .send(await page.whole()),
  );
  server.get('/events', { exposeHeadRoute: false }, (_request, reply) => {
    if (followers >= mostFollowers) return reply.code(503).headers(headers).send({ error: 'too many pages' });
    followers += 1;
    const events = new PassThrough();
    events.write(`retry: ${retryMs}\n\n`);
    const leave = page.follow((part) => {
      // Each event holds all there is to show: a browser that cannot keep up misses some.
      if (!events.writableNeedDrain) events.write(toEvent(part));
    });
    events.once('close', () => {
      followers -= 1;
      leave();
    });
    return reply.headers(headers).type('text/event-stream').send(events);
  });
}

function toEvent(data: string): string {
  const lines = data.split(/\r\n|[\r\n]/).map((line) => `data: ${line}\n`);
  return `${lines.join('')}\n`;
}
