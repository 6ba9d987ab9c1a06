import { expect, test, vi } from 'vitest';

test('without the package pg, it is named with the command that installs it', async () => {
  vi.doMock('pg', () => {
    throw new Error("Cannot find package 'pg'");
  });
  const { connectPostgres } = await import('../../src/stores/postgres/connect.ts');
  await expect(connectPostgres('postgres://127.0.0.1/db', { connections: 1 })).rejects.toMatchObject({
    faultClass: 'usage',
    code: 'MISSING_PACKAGE',
    message: expect.stringContaining('npm install pg'),
  });
  vi.doUnmock('pg');
});
