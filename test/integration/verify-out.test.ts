import { expect, test } from 'vitest';
import { runCli, writeConfig } from '../support/cli.ts';
import { freePort } from '../support/servers.ts';

test('verify says in one line that --out cannot be written, before it reaches for anything', async () => {
  // Nobody listens there: whoever looked for the broker first would end with 3.
  const nowhere = `127.0.0.1:${await freePort()}`;
  const config = await writeConfig({
    rotation: 'unwritten',
    broker: `redis://${nowhere}`,
    kms: { provider: 'yandex', endpoint: `http://${nowhere}`, auth: { iamToken: 't' } },
    source: { keyId: 'k' },
    target: { keyId: 'k' },
    store: { type: 'postgres', url: `postgres://${nowhere}/db`, table: 't', key: ['id'], column: 'c' },
    format: 'raw',
  });
  const { code, stdout, stderr } = await runCli(['verify', '-c', config, '--out', `${config}/certificate`]);
  expect(stderr).toMatch(/^keyturn: --out: cannot write \S+\/certificate \(ENOTDIR\); [^\n]+\n$/);
  expect(stdout).toBe('');
  expect(code).toBe(2);
});
