import { describe, expect, test } from 'vitest';
import { applyOverrides, overrideName } from '../../src/config/env-overrides.ts';
import { settings } from '../../src/config/settings.ts';
import { parseWith, problemsWith, tableOf } from '../support/parse-config.ts';

describe('overrides by environment', () => {
  test.each([
    ['limits.rate', 'KEYTURN_LIMITS_RATE'],
    ['broker', 'KEYTURN_BROKER'],
    ['kms.auth.iamToken', 'KEYTURN_KMS_AUTH_IAM_TOKEN'],
    ['kms.auth.workloadIdentity.serviceAccountId', 'KEYTURN_KMS_AUTH_WORKLOAD_IDENTITY_SERVICE_ACCOUNT_ID'],
    ['limits.maxFailures', 'KEYTURN_LIMITS_MAX_FAILURES'],
    ['source.keyId', 'KEYTURN_SOURCE_KEY_ID'],
    ['store.versionColumn', 'KEYTURN_STORE_VERSION_COLUMN'],
    ['metrics.port', 'KEYTURN_METRICS_PORT'],
    ['format.prefix', 'KEYTURN_FORMAT_PREFIX'],
  ])('%s is a setting, and its variable is %s', (path, name) => {
    expect(settings.has(path)).toBe(true);
    expect(overrideName(path.split('.'))).toBe(name);
  });

  test('no two settings share a variable', () => {
    const names = [...settings.values()].map(({ path }) => overrideName(path));
    expect(new Set(names).size).toBe(names.length);
  });

  test('numbers, booleans and text win over the file, and need no key in it', () => {
    const { config, warnings } = parseWith(
      { limits: { rate: 5 }, kms: { provider: 'yandex' } },
      {
        env: {
          KEYTURN_LIMITS_RATE: 'none',
          KEYTURN_LIMITS_MAX_FAILURES: '3',
          KEYTURN_KMS_AUTH_METADATA: 'true',
          KEYTURN_KMS_CA_FILE: 'ca.pem',
          KEYTURN_STORE_VERSION_COLUMN: 'key_version',
          KEYTURN_METRICS_PORT: '0',
        },
      },
    );
    expect(warnings).toEqual([]);
    expect(config.limits).toMatchObject({ rate: null, maxFailures: 3, batchSize: 500 });
    expect(config.kms).toMatchObject({ auth: { kind: 'metadata' }, caFile: '/etc/keyturn/ca.pem' });
    expect(tableOf(config).versionColumn).toBe('key_version');
    expect(config.metrics).toEqual({ port: 0, host: '0.0.0.0' });
  });

  test('a value is taken as it is: the shell has had its turn', () => {
    const { config } = parseWith({}, { env: { KEYTURN_KMS_AUTH_IAM_TOKEN: '${HOME}' } });
    expect(config.kms.auth).toEqual({ kind: 'iamToken', iamToken: '${HOME}' });
  });

  test('an overridden placeholder need not have a value', () => {
    const kms = { provider: 'yandex', auth: { iamToken: '${NOT_SET}' } };
    const { config } = parseWith({ kms }, { env: { KEYTURN_KMS_AUTH_IAM_TOKEN: 't1.token' } });
    expect(config.kms.auth).toEqual({ kind: 'iamToken', iamToken: 't1.token' });
  });

  test('the broker as a whole replaces the object, one member goes into it', () => {
    const broker = { url: 'rediss://old', tls: { caFile: '/ca.pem' } };
    const whole = parseWith({ broker }, { env: { KEYTURN_BROKER: 'embedded:x' } });
    expect(whole.config.broker).toEqual({ kind: 'embedded', directory: 'x' });
    const member = parseWith({ broker: 'rediss://h' }, { env: { KEYTURN_BROKER_TLS_CA_FILE: '/ca.pem' } });
    expect(member.config.broker).toMatchObject({ url: 'rediss://h', tls: { caFile: '/ca.pem' } });
    const both = { KEYTURN_BROKER_TLS_CA_FILE: '/own.pem', KEYTURN_BROKER: 'rediss://new' };
    expect(parseWith({ broker }, { env: both }).config.broker).toMatchObject({
      url: 'rediss://new',
      tls: { caFile: '/own.pem' },
    });
  });

  test('a bad value is refused with the variable that set it, and not repeated', () => {
    // What Kubernetes sets for a service that is called keyturn-metrics.
    const env = {
      KEYTURN_METRICS_PORT: 'tcp://10.0.0.1:9464',
      KEYTURN_LIMITS_BACKLOG: '',
      KEYTURN_LIMITS_RATE: 'canary',
    };
    expect(problemsWith({}, { env })).toEqual([
      'limits.rate: is no rate; give KMS calls per second, or none for no limit (set by KEYTURN_LIMITS_RATE)',
      'limits.backlog: must be a number; mend it (set by KEYTURN_LIMITS_BACKLOG)',
      'metrics.port: must be a number; mend it (set by KEYTURN_METRICS_PORT)',
    ]);
  });

  test('a slip of the finger is warned of, other variables are left alone', () => {
    const env = {
      KEYTURN_LIMIT_RATE: '1',
      KEYTURN_STORE_KEY: 'id',
      KEYTURN_KMS: 'x',
      KEYTURN_PORT: 'tcp://10.0.0.1:1',
      KEYTURN_SERVICE_HOST: '10.0.0.1',
      LIMITS_RATE: '1',
    };
    expect(parseWith({}, { env })).toEqual({
      config: parseWith({}).config,
      warnings: [
        'KEYTURN_LIMIT_RATE is ignored: there is no such setting; did you mean KEYTURN_LIMITS_RATE?',
        'KEYTURN_STORE_KEY is ignored: store.key is a list, and only single values can be overridden',
        'KEYTURN_KMS is ignored: kms is a group, and only single values can be overridden',
      ],
    });
  });

  test('every scalar of the schema can be overridden, also where the file lacks its group', () => {
    const scalars = [...settings.values()].filter(
      ({ types }) => types.has('string') || !/array|object/.test([...types].join()),
    );
    expect(scalars.length).toBeGreaterThan(30);
    for (const { path } of scalars) {
      const name = overrideName(path);
      const { document, origins, warnings } = applyOverrides({}, { [name]: 'value' });
      expect(document).toEqual(path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), 'value'));
      expect([...origins]).toEqual([[path.join('.'), name]]);
      expect(warnings).toEqual([]);
    }
  });
});
