import { writeFile } from 'node:fs/promises';
import { request } from 'undici';
import { expect, test, vi } from 'vitest';
import { writeKeyFiles } from '../support/certificate-keys.ts';
import { runCli, startCli, writeConfig, writeConfigText } from '../support/cli.ts';
import { freshRedis } from '../support/peers.ts';
import { freePort } from '../support/servers.ts';

/** A config of which the broker alone may answer. */
async function writeBareConfig(broker?: string): Promise<string> {
  const nowhere = `127.0.0.1:${await freePort()}`;
  return writeConfig({
    rotation: 'bare',
    broker: broker ?? `redis://${nowhere}`,
    kms: { provider: 'yandex', endpoint: `http://${nowhere}`, auth: { iamToken: 't' } },
    source: { keyId: 'k' },
    target: { keyId: 'k' },
    store: { type: 'postgres', url: `postgres://${nowhere}/db`, table: 't', key: ['id'], column: 'c' },
    format: 'raw',
  });
}

test.each([
  [
    'in another encoding than UTF-8',
    Buffer.from('rotation: caf\xe9\n', 'latin1'),
    /cannot be read \(not UTF-8; /,
  ],
  ['of bytes', Buffer.from([0, 1, 2]), /: holds the character U\+0000; take it out$/m],
  ['with a misspelt key', Buffer.from('rotatoin: x\n'), /^rotatoin: unknown key; did you mean rotation\?$/m],
])(
  'a config %s is refused in words, without a trace of the program, with 2',
  async (_what, bytes, problem) => {
    const file = await writeConfigText('');
    await writeFile(file, bytes);
    const { code, stdout, stderr } = await runCli(['status', '-c', file]);
    expect(stderr).toMatch(problem);
    expect(stderr).not.toMatch(/^ +at |Error\b/m);
    expect([code, stdout]).toEqual([2, '']);
  },
);

test('verify says in one line that --out cannot be written, before it reaches for anything', async () => {
  const config = await writeBareConfig();
  const { code, stdout, stderr } = await runCli(['verify', '-c', config, '--out', `${config}/certificate`]);
  expect(stderr).toMatch(/^keyturn: --out: cannot write \S+\/certificate \(ENOTDIR\); [^\n]+\n$/);
  expect(stdout).toBe('');
  // Whoever looked for the broker first would end with 3.
  expect(code).toBe(2);
});

test.each(['verify', 'run'])(
  '%s says that --sign-key is no key for it, before it reaches for anything',
  async (command) => {
    const config = await writeBareConfig();
    const { privateFile } = await writeKeyFiles('x25519');
    const { code, stderr } = await runCli([command, '-c', config, '--sign-key', privateFile]);
    expect(stderr).toMatch(/^keyturn: --sign-key: \S+ holds no Ed25519 private key in PEM [^\n]+\n$/);
    expect(code).toBe(2);
  },
);

test('rate takes a number or none, refuses all else, and warns of a misspelt variable as all commands do', async () => {
  const config = await writeBareConfig((await freshRedis()).url);
  const refused = await runCli(['rate', '0', '-c', config]);
  expect(refused.stderr).toContain('a positive number, or none, is needed');
  expect(refused.code).toBe(2);

  for (const [given, configured] of [
    ['7.5', 7.5],
    ['none', null],
  ] as const) {
    const args = ['rate', given, '-c', config, '--json'];
    const { code, stdout, stderr } = await runCli(args, { KEYTURN_LIMITS_RAET: '5' });
    expect(stderr).toContain('warning: KEYTURN_LIMITS_RAET');
    expect(JSON.parse(stdout).rate).toMatchObject({ configured });
    expect(code).toBe(0);
  }
});

test('a reader who leaves, as head does, would end a command in the midst of its work', async () => {
  const port = await freePort();
  const command = startCli(['kms-emulator', '--port', String(port)]);
  command.child.stdout?.destroy();
  // It prints once it listens, and must outlive that.
  await vi.waitFor(async () => (await request(`http://127.0.0.1:${port}/kms/v1/keys`)).body.dump(), {
    timeout: 20_000,
  });
  command.child.kill('SIGTERM');
  const { code, stderr } = await command.ended;
  expect(stderr).toBe('keyturn kms-emulator: for trial and test only; its keys protect nothing\n');
  expect(code).toBe(0);
});
