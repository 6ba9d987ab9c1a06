import { Fault } from '../../rotation/faults.ts';
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

/**
 * Makes a call, and once more with a newer token where it ends with the code that a token is refused with and there is
 * such a token.
 */
export type CallWithToken = <T>(
  method: string,
  attempt: (token: string) => Promise<T>,
  signal: AbortSignal | undefined,
) => Promise<T>;

/** `onCall` is told of each attempt once it has ended, however it did. */
export function createCallWithToken(
  tokens: TokenSource,
  refusedCode: string,
  onCall: (call: MeasuredCall) => void,
): CallWithToken {
  return async (method, attempt, signal) => {
    const held = tokens.get(signal);
    let token = typeof held === 'string' ? held : await held;
    for (let renewed = false; ; renewed = true) {
      const startMs = performance.now();
      try {
        const result = await attempt(token);
        onCall({ method, code: 'OK', seconds: (performance.now() - startMs) / 1000 });
        return result;
      } catch (error) {
        const code = error instanceof Fault ? error.code : 'INTERNAL_ERROR';
        onCall({ method, code, seconds: (performance.now() - startMs) / 1000 });
        const newer = renewed || code !== refusedCode ? null : await tokens.replace(token, signal);
        if (newer === null) throw error;
        token = newer;
      }
    }
  };
}
