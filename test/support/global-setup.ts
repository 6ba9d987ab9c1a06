import { spawnSync } from 'node:child_process';
import type { TestProject } from 'vitest/node';
import { startPostgres, startRedis } from './servers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string;
    postgresUrl: string;
  }
}

/** One Redis and one PostgreSQL for the whole run; each test takes a database of its own from `peers.ts`. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  // Their peers are elsewhere, or none.
  if (project.vitest.projects.every(({ name }) => ['interop', 'image'].includes(name))) return undefined;
  // The tests of the commands run what is built.
  spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
    stdio: 'inherit',
  });
  const [redis, postgres] = await Promise.all([
    startRedis(['--databases', '4096', '--maxmemory-policy', 'noeviction']),
    startPostgres(),
  ]);
  project.provide('redisUrl', redis.url);
  project.provide('postgresUrl', postgres.url);
  return async () => {
    await Promise.all([redis.stop(), postgres.stop()]);
  };
}
