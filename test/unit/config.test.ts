import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load-config.ts';
import { minimalConfig, parseText, parseWith, problemsIn, problemsWith } from '../support/parse-config.ts';

const { kms, store } = minimalConfig;

describe('loading', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keyturn-config-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  test('the documented example loads, with every value in its place', async () => {
    const example = new URL('../support/example.yaml', import.meta.url).pathname;
    const { config, warnings } = await loadConfig(example, { YC_IAM_TOKEN: 't1.token' });
    expect(warnings).toEqual([]);
    expect(config).toEqual({
      rotation: 'customers-ssn',
      broker: { kind: 'redis', url: 'redis://127.0.0.1:6379', tls: null, cluster: null, sentinel: null },
      kms: {
        provider: 'yandex',
        endpoint: 'https://kms.yandex',
        auth: { kind: 'iamToken', iamToken: 't1.token' },
        caFile: '/etc/ssl/my-ca.pem',
        timeoutMs: 10_000,
      },
      source: { keyId: 'abj1', aadContext: 'customer/{id}' },
      target: { keyId: 'abj1', versionId: 'abj1v2', aadContext: 'customer/{id}' },
      store: {
        type: 'postgres',
        url: 'postgres://user@host/db',
        table: 'public.customers',
        key: ['id'],
        column: 'ssn',
        where: 'deleted_at IS NULL',
        versionColumn: 'ssn_key_version',
        journal: false,
      },
      format: 'base64',
      mode: { kind: 'rewrap' },
      limits: {
        rate: 500,
        rateUnit: 'calls',
        concurrency: 32,
        batchSize: 500,
        backlog: 200,
        maxFailures: 1000,
      },
      verifyWrites: 0,
      retry: { attempts: 8, initialMs: 200, maxMs: 30_000 },
      shutdownTimeoutMs: 25_000,
      metrics: { port: 9464, host: '0.0.0.0' },
      audit: resolve('test/support/audit.jsonl'),
      log: { level: 'info' },
    });
  });

  test('a missing file is named, with the way out', async () => {
    await expect(loadConfig('rotation.yaml', {})).rejects.toMatchObject({
      faultClass: 'usage',
      code: 'CONFIG_INVALID',
      message: 'config file rotation.yaml not found; name one with -c',
    });
  });

  test('a file that cannot be read is not called missing', async () => {
    await expect(loadConfig(folder, {})).rejects.toThrow(/cannot be read \(EISDIR\)/);
  });

  test('relative files are found beside the config, from wherever the program runs', async () => {
    await writeFile(join(folder, 'token'), 't1.token\n');
    const path = join(folder, 'rotation.json');
    const auth = { iamToken: '${file:token}' };
    await writeFile(path, JSON.stringify({ ...minimalConfig, kms: { ...kms, auth, caFile: 'ca.pem' } }));
    const { config } = await loadConfig(path, {});
    expect(config.kms.auth).toEqual({ kind: 'iamToken', iamToken: 't1.token' });
    expect(config.kms.caFile).toBe(join(folder, 'ca.pem'));
  });
});

describe('defaults', () => {
  test('what the file leaves out gets the documented value', () => {
    const { config } = parseWith({});
    expect(config.broker).toEqual({ kind: 'embedded', directory: '.keyturn' });
    expect(config.kms).toMatchObject({ endpoint: 'https://kms.yandex', timeoutMs: 10_000, caFile: null });
    expect(config.source.aadContext).toBeNull();
    expect(config.target).toEqual({ keyId: 'abj1', versionId: null, aadContext: null });
    expect(config.store).toMatchObject({ where: null, versionColumn: null });
    expect(config.limits).toEqual({
      rate: 500,
      rateUnit: 'calls',
      concurrency: 32,
      batchSize: 500,
      backlog: 200,
      maxFailures: 1000,
    });
    expect(config.retry).toEqual({ attempts: 8, initialMs: 200, maxMs: 30_000 });
    expect(config.metrics).toBeNull();
    expect(config.log).toEqual({ level: 'info' });
  });

  test('an empty metrics group turns metrics on', () => {
    expect(parseWith({ metrics: {} }).config.metrics).toEqual({ port: 9464, host: '0.0.0.0' });
  });
});

describe('values', () => {
  test.each([
    ['250ms', 250],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['1h', 3_600_000],
  ])('the duration %s is %d ms', (timeout, timeoutMs) => {
    expect(parseWith({ kms: { ...kms, timeout } }).config.kms.timeoutMs).toBe(timeoutMs);
  });

  test('rate none is no limit, and a rate may be a fraction', () => {
    expect(parseWith({ limits: { rate: 'none' } }).config.limits.rate).toBeNull();
    expect(parseWith({ limits: { rate: 0.5 } }).config.limits.rate).toBe(0.5);
  });

  test.each([
    [
      'a key file',
      { serviceAccountKeyFile: 'sa.json' },
      {
        kind: 'serviceAccountKey',
        keyFile: '/etc/keyturn/sa.json',
        iamEndpoint: 'https://iam.api.cloud.yandex.net',
      },
    ],
    ['metadata', { metadata: true }, { kind: 'metadata', metadataEndpoint: 'http://169.254.169.254' }],
    [
      'metadata elsewhere',
      { metadata: true, metadataEndpoint: 'http://127.0.0.1:8/' },
      { kind: 'metadata', metadataEndpoint: 'http://127.0.0.1:8' },
    ],
    [
      'workload identity',
      { workloadIdentity: { tokenFile: '/var/token', serviceAccountId: 'aje1' } },
      {
        kind: 'workloadIdentity',
        tokenFile: '/var/token',
        serviceAccountId: 'aje1',
        endpoint: 'https://auth.yandex.cloud/oauth/token',
      },
    ],
  ])('authentication by %s', (_name, auth, expected) => {
    expect(parseWith({ kms: { provider: 'yandex', auth } }).config.kms.auth).toEqual(expected);
  });

  test('an AAD over a column that the rotation writes is refused, since it would not open again', () => {
    const source = { keyId: 'abj1', aadContext: 'v{key_version}' };
    const target = { keyId: 'abj1', aadContext: '{ssn}' };
    expect(problemsWith({ source, target, store: { ...store, versionColumn: 'key_version' } })).toEqual([
      'source.aadContext: names a column that the rotation writes; name columns that stay as they are',
      'target.aadContext: names a column that the rotation writes; name columns that stay as they are',
    ]);
  });
});

describe('problems', () => {
  test('all of them are listed, each with its path and what to do', () => {
    const problems = problemsWith({
      rotation: 'Customers',
      kms: { provider: 'yandex', auth: { iamToken: '' }, timeout: 10 },
      target: { keyId: 'k'.repeat(257) },
      store: { ...store, key: [], table: undefined },
      limits: { rate: 0, concurrency: 1025, batchSize: 1.5, backlog: '', maxFailures: -1 },
      log: { level: 'loud' },
    });
    expect(problems.map((line) => line.split(':')[0])).toEqual([
      'rotation',
      'kms.auth.iamToken',
      'kms.timeout',
      'target.keyId',
      'store.table',
      'store.key',
      'limits.rate',
      'limits.concurrency',
      'limits.batchSize',
      'limits.backlog',
      'limits.maxFailures',
      'log.level',
    ]);
    for (const problem of problems) expect(problem).toMatch(/^[\w.[\]]+: .+; .+$/);
  });

  test.each([
    [{ limits: { concurency: 1 } }, 'limits.concurency: unknown key; did you mean limits.concurrency?'],
    [{ limits: { batch_size: 1 } }, 'limits.batch_size: unknown key; did you mean limits.batchSize?'],
    [{ limts: {} }, 'limts: unknown key; did you mean limits?'],
    [{ concurrency: 5 }, 'concurrency: unknown key; did you mean limits.concurrency?'],
    [
      { broker: { url: 'rediss://h', tls: { cafile: 'x' } } },
      'broker.tls.cafile: unknown key; did you mean broker.tls.caFile?',
    ],
    [{ log: { colour: true } }, 'log.colour: unknown key; the nearest is log.level, and all are level'],
  ])('an unknown key is named with the nearest known one: %j', (changes, problem) => {
    expect(problemsWith(changes)).toEqual([problem]);
  });

  test('an unknown key that looks like a misplaced secret is not repeated', () => {
    const problems = problemsWith({ kms: { ...kms, 't1.9euelZ-canary': null } });
    expect(problems.join()).toContain('kms.(a key that is no name): unknown key');
    expect(problems.join()).not.toContain('canary');
  });

  test.each([
    [{ kms: { ...kms, auth: { metadata: false } } }, /^kms.auth.metadata: is false; leave it out/],
    [{ kms: { ...kms, auth: { metadata: 'yes' } } }, /^kms.auth.metadata: must be true/],
    [{ kms: { ...kms, timeout: '10' } }, /^kms.timeout: is not a duration/],
    [{ kms: { ...kms, timeout: '10 s' } }, /^kms.timeout: is not a duration/],
    [{ kms: { ...kms, timeout: '-1s' } }, /^kms.timeout: is not a duration/],
    [{ kms: { ...kms, timeout: 10 } }, /^kms.timeout: is a number without a unit; write for example 10s/],
    [{ kms: { ...kms, timeout: '0s' } }, /^kms.timeout: is out of range/],
    [{ kms: { ...kms, timeout: '25h' } }, /^kms.timeout: is out of range/],
    [{ retry: { initial: '1m', max: '1s' } }, /^retry: has an initial longer than max/],
    [{ kms: { ...kms, endpoint: 'kms.yandex' } }, /^kms.endpoint: must begin with http:/],
    [
      { kms: { ...kms, endpoint: 'https://user:canary@kms.yandex' } },
      /^kms.endpoint: holds a user, a password/,
    ],
    [{ source: { keyId: 12 } }, /^source.keyId: must be text; put it in quotes/],
    [
      { source: { keyId: 'a', aadContext: 'x{}' } },
      /^source.aadContext: the \{ at character 2 names no column/,
    ],
    [{ metrics: null }, /^metrics: is empty; give a value, or leave the key out/],
    [{ metrics: { port: 65_536 } }, /^metrics.port: must be at most 65535/],
    [{ store: { ...store, key: 'id' } }, /^store.key: must be a list/],
    [{ store: { ...store, key: ['id', ''] } }, /^store.key\[1\]: must not be empty/],
    [{ store: { ...store, key: ['id', 'id'] } }, /^store.key: names a column twice/],
    [{ store: { ...store, column: 'id' } }, /^store.column: is part of the key/],
    [{ store: { ...store, versionColumn: 'ssn' } }, /^store.versionColumn: is the column of the ciphertext/],
    [{ store: { ...store, versionColumn: 'id' } }, /^store.versionColumn: is the column of the ciphertext/],
    [{ store: { ...store, where: ' ' } }, /^store.where: is blank; leave it out for all rows/],
    [{ store: { ...store, journal: 'often' } }, /^store.journal: must be a boolean/],
    [{ audit: '' }, /^audit: must not be empty/],
    [
      { kms: { ...kms, provider: 'gcp' } },
      /^kms.provider: is no KMS that keyturn knows; use yandex or vault$/,
    ],
  ])('%j is refused in words', (changes, problem) => {
    const problems = problemsWith(changes);
    expect(problems).toEqual([expect.stringMatching(problem)]);
    expect(problems.join()).not.toContain('canary');
  });

  test.each([
    [{}, 'names no way to authenticate'],
    [{ iamToken: 'canary', metadata: true }, 'names iamToken and metadata'],
    [{ metadata: true, iamEndpoint: 'https://x' }, 'gives iamEndpoint without serviceAccountKeyFile'],
    [{ iamToken: 'canary', metadataEndpoint: 'https://x' }, 'gives metadataEndpoint without metadata: true'],
  ])('authentication by %j is refused in words', (auth, problem) => {
    const problems = problemsWith({ kms: { ...kms, auth } });
    expect(problems).toEqual([expect.stringMatching(`^kms.auth: ${problem}.*; `)]);
    expect(problems.join()).not.toContain('canary');
  });

  test.each(['t1.canary x', 't1.canary\n', 't1.canaryé'])(
    'a token that would break the header is not repeated',
    (iamToken) => {
      const problems = problemsWith({ kms: { ...kms, auth: { iamToken } } });
      expect(problems).toEqual([
        'kms.auth.iamToken: holds blanks or other characters that no token has; give the token alone',
      ]);
    },
  );

  test.each(['', '# nothing', 'customers', '- a'])(
    'a file that is no group of keys is refused: %j',
    (text) => {
      expect(problemsIn(() => parseText(text))).toEqual([
        expect.stringMatching(/^rotation.yaml: (is empty|must be)/),
      ]);
    },
  );
});

describe('syntax', () => {
  test.each([
    ['a: 1\nkms: "canary', 'rotation.yaml:2:13: a colon, comma, bracket or closing quote is missing; add it'],
    ['a: 1\n\tb: canary', 'rotation.yaml:2:1: a tab in the indentation; use spaces'],
    ['a: canary: x', 'rotation.yaml:1:4: a second ": " in one line; put the value in quotes'],
    ['a: @canary', 'rotation.yaml:1:4: a value begins with a reserved character; put it in quotes'],
    ['a: !canary x', 'rotation.yaml:1:4: a tag (!…) that is not known; put the value in quotes'],
    ['a: {b: 1}} canary', 'rotation.yaml:1:10: not valid YAML here; check quotes, brackets and indentation'],
    [
      'a: {b: ${VAR}}',
      'rotation.yaml:1:9: not valid YAML here; inside { } and [ ] put a placeholder in quotes: "${VAR}"',
    ],
    ['a: 1\n---\nb: 2', 'rotation.yaml:2:1: a second document begins; keep one'],
    [
      'a: *canary',
      'rotation.yaml: an alias (*name) has no anchor before it, or lies inside it; quote the value',
    ],
    [
      'a: &x {b: *x}',
      'rotation.yaml: an alias (*name) has no anchor before it, or lies inside it; quote the value',
    ],
  ])('%j: place and reason in one line, never the source', (text, problem) => {
    const problems = problemsIn(() => parseText(text));
    expect(problems).toEqual([problem]);
    expect(problems.join()).not.toContain('canary');
  });

  test('every key that is there twice is named: the last would win in silence', () => {
    expect(problemsIn(() => parseText('a: 1\na: 2\nb:\n  c: 1\n  c: 2\n'))).toEqual([
      'rotation.yaml:2:1: this key is there twice; keep one',
      'rotation.yaml:5:3: this key is there twice; keep one',
    ]);
  });

  test('JSON indented with tabs is read too', () => {
    const { config } = parseText(JSON.stringify(minimalConfig, null, '\t'));
    expect(config.rotation).toBe('customers-ssn');
  });
});
