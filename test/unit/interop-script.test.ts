import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('what the interop tests do not run is said, a line each, where the environment names no peer', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/interop.mjs'], {
    // Half named is not named.
    env: { VAULT_ADDR: 'http://127.0.0.1:8200', S3_ENDPOINT: '' },
    encoding: 'utf8',
  });
  expect(stdout.trimEnd().split('\n')).toEqual([
    'NOT RUN: Vault or OpenBao; VAULT_TOKEN not set',
    'NOT RUN: S3; S3_ENDPOINT not set',
  ]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
});
