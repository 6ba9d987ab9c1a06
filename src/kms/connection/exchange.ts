import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher, Pool } from 'undici';
import type { Fault } from '../../rotation/faults.ts';
import { onAbort } from '../../rotation/on-abort.ts';
import { createAbortedFault } from './aborted.ts';

export interface Exchange {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Empty where the reply has an error's status and broke off: the status tells enough. */
  readonly body: string;
}

export interface ExchangeLimits {
  /** Over connect, headers and body together. */
  readonly timeoutMs: number;
  readonly createTimeoutFault: () => Fault;
  readonly signal: AbortSignal | undefined;
}

/**
 * One request and its reply. Rejects with undici's error, with the fault of a time-out, or `ABORTED`; with the
 * last two at that very moment, as undici minds nothing while it connects. By `dispatch`, since the stream that
 * undici's `request` makes of each reply is a good part of what a call costs.
 */
export function exchange(
  pool: Pool,
  request: Dispatcher.DispatchOptions,
  { timeoutMs, createTimeoutFault, signal }: ExchangeLimits,
): Promise<Exchange> {
  if (signal?.aborted === true) return Promise.reject(createAbortedFault());
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | null = null;
    let givenUp: Fault | null = null;
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    let chunks: Buffer[] = [];

    const timer = setTimeout(() => giveUp(createTimeoutFault()), timeoutMs);
    const stay = signal && onAbort(signal, () => giveUp(createAbortedFault()));

    function end(): void {
      clearTimeout(timer);
      stay?.();
    }
    function giveUp(fault: Fault): void {
      end();
      givenUp = fault;
      reject(fault);
      controller?.abort(fault);
    }

    pool.dispatch(request, {
      onRequestStart(started) {
        controller = started;
        if (givenUp !== null) started.abort(givenUp);
      },
      onResponseStart(_controller, statusCode, replyHeaders) {
        status = statusCode;
        headers = replyHeaders;
        chunks = [];
      },
      onResponseData(_controller, chunk) {
        chunks.push(chunk);
      },
      onResponseEnd() {
        end();
        resolve({ status, headers, body: textOf(chunks) });
      },
      onResponseError(_controller, error) {
        end();
        if (status > 299) resolve({ status, headers, body: '' });
        else reject(error);
      },
    });
  });
}

function textOf(chunks: readonly Buffer[]): string {
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only.toString() : Buffer.concat(chunks).toString();
}
