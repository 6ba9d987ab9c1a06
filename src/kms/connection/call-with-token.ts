import { asFault, Fault } from '../../rotation/faults.ts';
import type { HttpEndpoint, HttpRequest } from './http.ts';
import type { HttpReply } from './http-reply.ts';
import type { TokenSource } from './token-source.ts';

/**
 * One HTTP call to the KMS: `code` is `OK` or that of its fault, `seconds` the time until the whole reply was
 * here.
 */
export interface MeasuredCall {
  readonly method: string;
  readonly code: string;
  readonly seconds: number;
}

/** A call that needs a token. */
export interface TokenCall<Reply, Result> {
  /** As it is measured. */
  readonly method: string;
  readonly requestWith: (token: string) => HttpRequest;
  /** Throws a `Fault` where the reply is no success, or says nothing we can use. */
  readonly read: (reply: HttpReply) => Reply;
  /** What the call gives, of what was read or of the fault; throws what it ends with instead. */
  readonly conclude: (read: Reply | Fault) => Result | Promise<Result>;
}

/**
 * Makes a call, and once more with a newer token where it ends with the code that a token is refused with and there is
 * such a token. One promise for each attempt: every record passes here.
 */
export type CallWithToken = <Reply, Result>(
  call: TokenCall<Reply, Result>,
  signal: AbortSignal | undefined,
) => Promise<Result>;

/** As the reply, where there is no item that a fault could stay with. */
export function orThrow<Reply>(read: Reply | Fault): Reply {
  if (read instanceof Fault) throw read;
  return read;
}

/** `onCall` is told of each attempt once it has ended, however it did. */
export function createCallWithToken(
  endpoint: HttpEndpoint,
  tokens: TokenSource,
  refusedCode: string,
  onCall: (call: MeasuredCall) => void,
): CallWithToken {
  function attempt<Reply, Result>(
    call: TokenCall<Reply, Result>,
    signal: AbortSignal | undefined,
    token: string,
    isLast: boolean,
  ): Promise<Result> {
    const startMs = performance.now();
    const ended = (code: string): void =>
      onCall({ method: call.method, code, seconds: (performance.now() - startMs) / 1000 });
    return endpoint.send(
      call.requestWith(token),
      {
        read(reply) {
          const read = readOf(call, reply);
          const code = read instanceof Fault ? read.code : 'OK';
          ended(code);
          if (code === refusedCode && !isLast) return again(call, signal, token, read);
          return call.conclude(read);
        },
        lost: ({ code }) => ended(code),
      },
      signal,
    );
  }

  async function again<Reply, Result>(
    call: TokenCall<Reply, Result>,
    signal: AbortSignal | undefined,
    refused: string,
    read: Reply | Fault,
  ): Promise<Result> {
    const newer = await tokens.replace(refused, signal);
    return newer === null ? call.conclude(read) : attempt(call, signal, newer, true);
  }

  return (call, signal) => {
    const held = tokens.get(signal);
    if (typeof held === 'string') return attempt(call, signal, held, false);
    return held.then((token) => attempt(call, signal, token, false));
  };
}

function readOf<Reply>(call: TokenCall<Reply, unknown>, reply: HttpReply): Reply | Fault {
  try {
    return call.read(reply);
  } catch (error) {
    return asFault(error);
  }
}
