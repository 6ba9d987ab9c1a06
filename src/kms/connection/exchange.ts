import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher, Pool } from 'undici';
import type { Fault } from '../../rotation/faults.ts';
import { createAbortedFault } from './aborted.ts';
import type { CallsInFlight } from './calls-in-flight.ts';
import type { HttpReply } from './http-reply.ts';
import { createNetworkFault, type Peer } from './network-fault.ts';

/** What is made of how a request ends: of each call of the KMS, so that it costs one promise and no more. */
export interface Ending<T> {
  /** What the request gives, of a reply of any status; it may be what another request gives. */
  read(reply: HttpReply): T | Promise<T>;
  /** Told why there is no reply, before the request rejects with it. */
  lost?(fault: Fault): void;
}

/**
 * One request. Rejects with a transient `Fault` where there is no reply: at that very moment where it times out or
 * `signal` aborts, as undici minds nothing while it connects. By `dispatch`, since the stream that undici's `request`
 * makes of each reply is a good part of what a call costs.
 */
export function exchange<T>(
  pool: Pool,
  request: Dispatcher.DispatchOptions,
  { inFlight, peer }: { readonly inFlight: CallsInFlight; readonly peer: Peer },
  ending: Ending<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | null = null;
    let givenUp: Fault | null = null;
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    let chunks: Buffer[] = [];

    const call = { signal, giveUp, deadline: 0, place: -1 };
    if (signal?.aborted === true) return lose(createAbortedFault());
    inFlight.enter(call);

    function lose(fault: Fault): void {
      inFlight.leave(call);
      ending.lost?.(fault);
      reject(fault);
    }
    function giveUp(fault: Fault): void {
      givenUp = fault;
      lose(fault);
      controller?.abort(fault);
    }
    function reply(body: string): void {
      inFlight.leave(call);
      try {
        resolve(ending.read({ status, body, headers }));
      } catch (error) {
        reject(error);
      }
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
        reply(textOf(chunks));
      },
      onResponseError(_controller, error) {
        if (givenUp !== null) return;
        // The status of an error tells enough.
        if (status > 299) return reply('');
        lose(createNetworkFault(error, peer));
      },
    });
  });
}

function textOf(chunks: readonly Buffer[]): string {
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only.toString() : Buffer.concat(chunks).toString();
}
