import pg from 'pg';
import { vi } from 'vitest';
import { startPostgres, type TestServer } from '../support/servers.ts';
import { describeSteering } from '../support/steering.ts';

describeSteering('PostgreSQL', async () => {
  const server = await startPostgres();
  await takesQueries(server);
  return { ...server, restart: async () => (await server.restart(), takesQueries(server)) };
});

/** It takes connections before it takes queries. */
async function takesQueries({ url }: TestServer): Promise<void> {
  await vi.waitFor(
    async () => {
      const client = new pg.Client(url);
      await client.connect();
      await client.end();
    },
    { timeout: 20_000, interval: 50 },
  );
}
