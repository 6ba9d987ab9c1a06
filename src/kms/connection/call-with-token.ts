import { Fault } from '../../rotation/faults.ts';
import type { TokenSource } from './token-source.ts';

/**
 * Makes a call, and once more with a newer token where it ends with a fault of `refusedCode` and there is
 * such a token.
 */
export async function callWithToken<T>(
  tokens: TokenSource,
  refusedCode: string,
  call: (token: string) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const token = await tokens.get(signal);
  try {
    return await call(token);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== refusedCode) throw error;
    const newer = await tokens.replace(token, signal);
    if (newer === null) throw error;
    return call(newer);
  }
}
