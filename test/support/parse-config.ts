import { expect } from 'vitest';
import type { KeyturnConfig, PostgresStoreConfig } from '../../src/config/keyturn-config.ts';
import { type LoadedConfig, parseConfig } from '../../src/config/load-config.ts';
import { Fault } from '../../src/rotation/faults.ts';

/** The keys that every config must have. */
export const minimalConfig = {
  rotation: 'customers-ssn',
  kms: { provider: 'yandex', auth: { iamToken: 't1.token' } },
  source: { keyId: 'abj1' },
  target: { keyId: 'abj1' },
  store: { type: 'postgres', url: 'postgres://user@host/db', table: 'customers', key: ['id'], column: 'ssn' },
  format: 'base64',
};

/** The store of a config that names a table of PostgreSQL. */
export function tableOf({ store }: KeyturnConfig): PostgresStoreConfig {
  if (store.type !== 'postgres') throw new TypeError(`no table in a store of type ${store.type}`);
  return store;
}

export interface ConfigWorld {
  env?: NodeJS.ProcessEnv;
  files?: Readonly<Record<string, string>>;
}

/** Parses a config file of this text, as if it were /etc/keyturn/rotation.yaml. */
export function parseText(text: string, { env = {}, files = {} }: ConfigWorld = {}): LoadedConfig {
  return parseConfig(text, {
    file: 'rotation.yaml',
    directory: '/etc/keyturn',
    env,
    readFile(path) {
      const content = files[path];
      if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return content;
    },
  });
}

/** Parses a config of the minimal keys and `changes` to them. */
export function parseWith(changes: object, world: ConfigWorld = {}): LoadedConfig {
  return parseText(JSON.stringify({ ...minimalConfig, ...changes }), world);
}

/** The problems, a line each, that make a config invalid. */
export function problemsIn(parse: () => unknown): string[] {
  let thrown: unknown;
  try {
    parse();
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof Fault)) throw new Error('expected the config to be refused', { cause: thrown });
  expect(thrown).toMatchObject({ faultClass: 'usage', code: 'CONFIG_INVALID', cause: undefined });
  const [heading, ...problems] = thrown.message.split('\n');
  expect(heading).toBe('config file rotation.yaml is not valid:');
  return problems;
}

/** The problems of a config of the minimal keys and `changes` to them. */
export function problemsWith(changes: object, world: ConfigWorld = {}): string[] {
  return problemsIn(() => parseWith(changes, world));
}
