import { createHash } from 'node:crypto';
import { toBrokerFault } from '../broker-fault.ts';
import type { RedisConnection } from './connection.ts';

/** Runs one command of a Lua script. Throws broker faults. */
export type RunScript = (command: string, ...args: readonly (string | number)[]) => Promise<unknown>;

/**
 * Sends a script by its digest, and in full where the server does not know it: a new server, or one that was
 * restarted or failed over to.
 */
export function bindScript(redis: RedisConnection, lua: string, keys: readonly string[]): RunScript {
  const digest = createHash('sha1').update(lua).digest('hex');
  return async (command, ...args) => {
    const rest = [keys.length, ...keys, command, ...args];
    try {
      return await redis.call('evalsha', digest, ...rest).catch((error: unknown) => {
        if (error instanceof Error && error.message.startsWith('NOSCRIPT'))
          return redis.call('eval', lua, ...rest);
        throw error;
      });
    } catch (error) {
      throw toBrokerFault(error);
    }
  };
}
