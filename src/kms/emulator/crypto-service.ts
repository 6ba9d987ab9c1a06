import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import type { CryptoMethod } from './crypto-methods.ts';
import type { KeyStore } from './key-store.ts';
import { parseMessage } from './message-fields.ts';
import { createRollingWindow } from './rolling-window.ts';
import { drawFailure, stageFailure } from './staged-failure.ts';
import { refusal, statusOf } from './status.ts';
import type { TokenBook } from './token-book.ts';

/** One call of the data plane as the emulator saw it. */
export interface ObservedCall {
  /** `encrypt`, `decrypt`, `reEncrypt` or `generateDataKey`. */
  readonly method: string;
  readonly keyId: string;
  /** HTTP status; 0 = the connection was reset. */
  readonly status: number;
  /** Arrival, by `performance.now()`. */
  readonly at: number;
}

/** How the data plane behaves besides its methods. */
interface CryptoConduct {
  readonly quotaPerSecond: number | null;
  readonly latencyMs: number;
  readonly failRate: number;
  readonly primaryLagMs: number;
  readonly onCall: (call: ObservedCall) => void;
  readonly now: () => number;
  readonly random: () => number;
}

interface CryptoRequest {
  readonly method: CryptoMethod;
  /** Its name for an observer. */
  readonly methodName: string;
  readonly keyId: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** Answers one call of the data plane, or throws its refusal. */
export type CryptoService = (request: CryptoRequest, reply: FastifyReply) => Promise<void>;

export function createCryptoService(
  store: KeyStore,
  tokens: TokenBook,
  conduct: CryptoConduct,
): CryptoService {
  const quota = conduct.quotaPerSecond === null ? null : createRollingWindow(conduct.quotaPerSecond, 1000);

  async function serve(request: CryptoRequest, reply: FastifyReply, at: number): Promise<number> {
    tokens.check(request.authorization);
    if (quota?.admit(at) === false) {
      throw refusal('RESOURCE_EXHAUSTED', 'The quota of requests per second is used up', {
        retryAfterMs: 1000,
      });
    }
    if (conduct.latencyMs > 0) await delay(conduct.latencyMs, undefined, { ref: false });
    const failure = drawFailure(conduct.failRate, conduct.random);
    if (failure !== null) return stageFailure(failure, reply);
    const context = { store, now: conduct.now(), primaryLagMs: conduct.primaryLagMs };
    reply.send(request.method(context, request.keyId, parseMessage(request.body)));
    return 200;
  }

  return async (request, reply) => {
    const at = performance.now();
    const observe = (status: number) =>
      conduct.onCall({ method: request.methodName, keyId: request.keyId, status, at });
    try {
      observe(await serve(request, reply, at));
    } catch (error) {
      observe(statusOf(error, '').http);
      throw error;
    }
  };
}
