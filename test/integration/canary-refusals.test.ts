import { createPrivateKey } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { makeCanary } from '../support/canaries.ts';
import { huntForAll, openScene, passwords, randomHex, tokens } from '../support/canary-scene.ts';
import { writeConfig, writeConfigText } from '../support/cli.ts';
import { startGuardedServers } from '../support/guarded-servers.ts';

/** The hunt of canary.test.ts, for commands that end at their start. */

const servers = await startGuardedServers(passwords, passwords.redis);
afterAll(() => servers.stop());

test('commands that a peer refuses, or does not answer, show no secret', async () => {
  const hunt = huntForAll();
  const { cli, config, gateway, hideNew } = await openScene('redis', servers, hunt);
  gateway.answers = ['unauthenticated', 'redirect', 'page', 'no HTTP', 'cut JSON'];
  const store = await servers.createDatabase('store');
  const broker = await servers.createDatabase('broker');
  const withStore = (url: string) => ({ store: { ...Object(config['store']), url } });
  const down = (url: string) => change(url, (parts) => (parts.port = '1'));
  const nowhere = (url: string) => change(url, (parts) => (parts.hostname = 'nowhere.invalid'));
  const wrongPassword = (url: string) => change(url, (parts) => (parts.password = passwords.wrong));
  const redisUrl = String(config['broker']);
  const kms = { ...Object(config['kms']), auth: { iamToken: tokens.wrong } };

  const cases: (readonly [command: string, says: RegExp, change: object])[] = [
    [
      'check',
      /WRONGPASS[^]*password authentication failed/,
      { broker: wrongPassword(redisUrl), ...withStore(wrongPassword(store)), kms },
    ],
    [
      'check',
      /(ECONNREFUSED|connection lost)[^]*ECONNREFUSED/,
      { broker: down(redisUrl), ...withStore(down(store)) },
    ],
    [
      'check',
      /28P01[^]*(ENOTFOUND|EAI_AGAIN)/,
      { broker: wrongPassword(broker), ...withStore(nowhere(store)) },
    ],
    ['check', /ECONNREFUSED[^]*does not exist/, { broker: down(broker), ...withStore(`${store}x`) }],
    ['status', /WRONGPASS/, { broker: wrongPassword(redisUrl) }],
    ['work', /28P01/, { broker: wrongPassword(broker) }],
    ['run', /password authentication failed/, withStore(wrongPassword(store))],
    ['enqueue', /keyturn: KMS/, { kms }],
  ];
  for (const batch of [cases.slice(0, 3), cases.slice(3, 6), cases.slice(6)]) {
    await Promise.all(
      batch.map(async ([command, says, changed]) => {
        const { code, stdout, stderr } = await cli([
          command,
          '-c',
          await writeConfig({ ...config, ...changed }),
        ]);
        expect(`${command}: ${stdout}${stderr}`).toMatch(says);
        expect(code).toBe(3);
      }),
    );
  }
  await hideNew();
  expect(hunt.found()).toEqual([]);
}, 60_000);

test('a service account key, its JWTs and the tokens for them are not shown', async () => {
  const hunt = huntForAll();
  const { cli, config, emulator, gateway, hideNew } = await openScene('redis', servers, hunt);
  const keyFile = await emulator.newServiceAccountKey();
  const { private_key: pem } = JSON.parse(keyFile);
  hunt.hide(
    'private key',
    createPrivateKey(pem.slice(pem.indexOf('-----'))).export({ type: 'pkcs8', format: 'der' }),
  );
  const withKey = (file: string, caFile?: string) =>
    writeConfig({
      ...config,
      kms: {
        ...Object(config['kms']),
        auth: { serviceAccountKeyFile: file, iamEndpoint: gateway.url },
        ...(caFile === undefined ? {} : { caFile }),
      },
    });
  const right = await writeConfigText(keyFile);
  const cut = await writeConfigText(keyFile.slice(0, keyFile.indexOf('-----END PRIVATE')));
  const damaged = await writeConfigText(
    JSON.stringify({ ...JSON.parse(keyFile), private_key: pem.replace('MII', '!!!') }),
  );
  const misplaced = { ...Object(config['kms']), auth: { iamToken: pem } };
  const check = async (file: Promise<string>) => (await cli(['check', '-c', await file])).code;

  expect(await check(withKey(right))).toBe(0);
  gateway.answers = ['unauthenticated', 'page', 'cut JSON'];
  expect(await Promise.all(gateway.answers.map(() => check(withKey(right))))).toEqual([3, 3, 3]);
  expect(gateway.echoed.size).toBe(3);
  const unusable = [
    withKey(cut),
    withKey(damaged),
    withKey(right, right),
    writeConfig({ ...config, kms: misplaced }),
  ];
  expect(await Promise.all(unusable.map(check))).toEqual([2, 2, 2, 2]);

  await hideNew();
  expect(gateway.carried.tokens.size).toBeGreaterThan(2);
  expect(hunt.found()).toEqual([]);
}, 60_000);

test('a config that is not valid is told without its values', async () => {
  const hunt = huntForAll();
  const { cli, config } = await openScene('redis', servers, hunt);
  const secret = hunt.hide('config value', makeCanary());
  const word = hunt.hide('config word', randomHex());
  const plain = JSON.stringify(config);
  const invalid: readonly (readonly [name: string, text: string, env?: NodeJS.ProcessEnv])[] = [
    [
      'values',
      JSON.stringify({
        rotation: secret,
        broker: `redis//:${secret}@host`,
        kms: {
          provider: secret,
          endpoint: `http://user:${word}@host`,
          auth: { iamToken: `${word} ${word}` },
          timeout: secret,
          caFile: 1,
        },
        source: { keyId: secret.repeat(2), aadContext: `${secret}{` },
        target: { keyId: 1, versionId: secret.repeat(2), aadContext: `{}${secret}` },
        store: {
          type: secret,
          url: `mysql://user:${secret}@host/db`,
          table: 1,
          key: secret,
          column: [secret],
        },
        format: secret,
        limits: {
          rate: secret,
          concurrency: secret,
          batchSize: secret,
          backlog: secret,
          maxFailures: secret,
        },
        retry: { attempts: secret, initial: secret, max: secret },
        metrics: { port: secret, host: 1 },
        log: { level: secret },
        audit: secret,
        [secret]: secret,
      }),
    ],
    ['a token as a group', plain.replace(`"iamToken":"${tokens.right}"`, `"${tokens.right} ":1`)],
    ['two secrets', plain.replace(`"iamToken":`, `"serviceAccountKeyFile":"${word}","iamToken":`)],
    [
      'URLs cut by their passwords',
      JSON.stringify({
        ...config,
        broker: `redis://:${secret}@host`,
        store: { ...Object(config['store']), url: `postgres://user:${secret}@host/db` },
      }),
    ],
    ['a placeholder that is none', JSON.stringify({ ...config, broker: `redis://:\${${secret}}@host` })],
    ['a quote that is open', `broker: "redis://:${secret}@host`],
    ['two colons', `broker: redis: ${secret}: x`],
    ['a tab', `kms:\n\tauth: ${secret}`],
    ['an alias', `broker: *${word}`],
    ['a tag', `broker: !${word} x`],
    [
      'overrides',
      plain,
      {
        KEYTURN_BROKER: `redis//${secret}`,
        KEYTURN_STORE_URL: secret,
        KEYTURN_KMS_AUTH_IAM_TOKEN: `${word} x`,
        KEYTURN_LIMITS_RATE: secret,
      },
    ],
  ];
  await Promise.all(
    invalid.map(async ([name, text, env]) => {
      const { code, stderr } = await cli(['check', '-c', await writeConfigText(text)], env);
      expect(`${name}: ${stderr}`).toContain('is not valid:');
      expect(code).toBe(2);
    }),
  );
  expect(hunt.found()).toEqual([]);
}, 60_000);

test('an unforeseen error is told by its name and place alone, whatever it holds', async () => {
  const hunt = huntForAll();
  const { cli, config } = await openScene('redis', servers, hunt);
  const secret = JSON.stringify(hunt.hide('secret of a driver', makeCanary()));
  const defect = await writeConfigText(
    `const write = process.stderr.write.bind(process.stderr);
     process.stderr.write = (text, ...rest) => {
       if (String(text).includes('worker started')) setImmediate(async function inTheMidst() {
         throw Object.assign(new RangeError(${secret}), { command: { args: [${secret}] } });
       });
       return write(text, ...rest);
     };`,
    'defect.mjs',
  );
  const env = { NODE_OPTIONS: `--import ${defect}` };
  const { code, stderr } = await cli(['work', '-c', await writeConfig(config)], env);
  expect(stderr).toContain('keyturn: unexpected RangeError in keyturn');
  expect(stderr).toMatch(/ {4}at .*inTheMidst/);
  expect(code).toBe(1);
  expect(hunt.found()).toEqual([]);
}, 60_000);

function change(url: string, edit: (parts: URL) => void): string {
  const parts = new URL(url);
  edit(parts);
  return parts.href;
}
