import type { FastifyReply } from 'fastify';
import { refusal } from './status.ts';

/** How a call of a flaky service fails: by its own error, by a stranger's answer, or by none. */
export const stagedFailures = [
  'internal',
  'unavailable',
  'throttled',
  'htmlPage',
  'emptyError',
  'reset',
] as const;
export type StagedFailure = (typeof stagedFailures)[number];

/** Draws whether a call fails, and how; null for most calls. `failRate` is the share that fails, 0 to 1. */
export function drawFailure(failRate: number, random: () => number): StagedFailure | null {
  if (random() >= failRate) return null;
  return stagedFailures[Math.floor(random() * stagedFailures.length)] ?? null;
}

/**
 * Answers with the failure and returns its HTTP status, 0 for a connection reset. The service's own errors
 * are thrown, as all its refusals are.
 */
export function stageFailure(failure: StagedFailure, reply: FastifyReply): number {
  switch (failure) {
    case 'internal':
      throw refusal('INTERNAL', 'Staged failure');
    case 'unavailable':
      throw refusal('UNAVAILABLE', 'Staged failure', { retryAfterMs: 1000 });
    case 'throttled':
      throw refusal('RESOURCE_EXHAUSTED', 'Staged failure');
    case 'htmlPage':
      reply.code(502).type('text/html').send('<html><body><h1>502 Bad Gateway</h1></body></html>');
      return 502;
    case 'emptyError':
      reply.code(500).send();
      return 500;
    case 'reset':
      reply.hijack();
      reply.raw.socket?.resetAndDestroy();
      return 0;
  }
}
