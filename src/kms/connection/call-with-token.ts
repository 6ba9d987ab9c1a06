import { asFault, Fault } from '../../rotation/faults.ts';
import type { HttpEndpoint, HttpRequest } from './http.ts';
import type { HttpReply } from './http-reply.ts';
import type { TokenSource } from './token-source.ts';

/**
 * Told of each HTTP call to the KMS where it is made, and by what that returns of how it ended: `code` is `OK` or that of
 * its fault, `seconds` the time until the whole reply was here. The end is told from nobody's context.
 */
export type OnCall = (method: string) => (code: string, seconds: number) => void;

/** What all calls of an API have in common; `Call` says what one of them asks. */
export interface TokenApi<Call> {
  readonly endpoint: HttpEndpoint;
  readonly tokens: TokenSource;
  /** The code of the fault that a token is refused with. */
  readonly refusedCode: string;
  readonly requestOf: (call: Call, token: string) => HttpRequest;
  /** Told of each attempt. */
  readonly onCall: OnCall;
}

/** What comes of a call, in the step in which its reply ends: each record passes here, and each promise costs. */
export interface Outcome<Reply, Result> {
  /** Throws a `Fault` where the reply is no success, or says nothing we can use. */
  read(reply: HttpReply): Reply;
  /** What the call gives, of what was read or of the fault; throws what it ends with instead. */
  conclude(read: Reply | Fault): Result | Promise<Result>;
}

/**
 * Makes a call, and once more with a newer token where it ends with the code that a token is refused with and there is
 * such a token.
 */
export type CallWithToken<Call> = <Reply, Result>(
  call: Call,
  outcome: Outcome<Reply, Result>,
  signal: AbortSignal | undefined,
) => Promise<Result>;

/** As the reply, where there is no item that a fault could stay with. */
export function orThrow<Reply>(read: Reply | Fault): Reply {
  if (read instanceof Fault) throw read;
  return read;
}

export function createCallWithToken<Call extends { readonly method: string }>(
  api: TokenApi<Call>,
): CallWithToken<Call> {
  const { endpoint, onCall, refusedCode, requestOf, tokens } = api;

  function attempt<Reply, Result>(
    call: Call,
    outcome: Outcome<Reply, Result>,
    signal: AbortSignal | undefined,
    token: string,
    isLast: boolean,
  ): Promise<Result> {
    const ended = onCall(call.method);
    const startMs = performance.now();
    return endpoint.send(
      requestOf(call, token),
      {
        read(reply) {
          const read = readOf(outcome, reply);
          const code = read instanceof Fault ? read.code : 'OK';
          ended(code, secondsSince(startMs));
          if (code === refusedCode && !isLast) return again(call, outcome, signal, token, read);
          return outcome.conclude(read);
        },
        lost: ({ code }) => ended(code, secondsSince(startMs)),
      },
      signal,
    );
  }

  async function again<Reply, Result>(
    call: Call,
    outcome: Outcome<Reply, Result>,
    signal: AbortSignal | undefined,
    refused: string,
    read: Reply | Fault,
  ): Promise<Result> {
    const newer = await tokens.replace(refused, signal);
    return newer === null ? outcome.conclude(read) : attempt(call, outcome, signal, newer, true);
  }

  return (call, outcome, signal) => {
    const held = tokens.get(signal);
    if (typeof held === 'string') return attempt(call, outcome, signal, held, false);
    return held.then((token) => attempt(call, outcome, signal, token, false));
  };
}

function readOf<Reply>(outcome: Outcome<Reply, unknown>, reply: HttpReply): Reply | Fault {
  try {
    return outcome.read(reply);
  } catch (error) {
    return asFault(error);
  }
}

function secondsSince(startMs: number): number {
  return (performance.now() - startMs) / 1000;
}
