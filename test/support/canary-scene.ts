import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import type pg from 'pg';
import { onTestFinished, vi } from 'vitest';
import { startEmulator, type Emulator } from '../../src/kms/emulator/server.ts';
import { dumpPostgres, dumpRedis } from './broker-dump.ts';
import { makeCanary, startHunt, type Hunt } from './canaries.ts';
import {
  aad,
  badValue,
  fillTable,
  firstId,
  hideCiphertext,
  hideValues,
  keyId,
  plaintext,
  rotateKey,
} from './canary-records.ts';
import { runCli, startCli, type CliResult, type RunningCli } from './cli.ts';
import { startEchoingGateway, type EchoingGateway } from './echoing-gateway.ts';
import type { GuardedServers } from './guarded-servers.ts';

/** Marked secrets that lie in configs. */
export const passwords = {
  store: makeCanary(),
  broker: makeCanary(),
  redis: makeCanary(),
  wrong: makeCanary(),
};
/** A header takes no other characters. */
export const tokens = { right: `t1.${randomHex()}`, wrong: `t1.${randomHex()}` };

export interface Scene {
  readonly config: Record<string, unknown>;
  readonly brokerUrl: string;
  /** Of the superuser. */
  readonly broker: pg.Pool;
  readonly store: pg.Pool;
  readonly gateway: EchoingGateway;
  readonly emulator: Emulator;
  readonly firstId: string;
  /** `ref code` of each record that no run can mend. */
  readonly failures: string[];
  cli(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<CliResult>;
  start(args: readonly string[]): RunningCli;
  /** Looks through all that the broker holds now. */
  dump(): Promise<void>;
  /** Hides what has become a secret since: new ciphertexts, issued tokens. */
  hideNew(): Promise<void>;
}

/** A hunt for all secrets but the ciphertexts. */
export function huntForAll(): Hunt {
  const hunt = startHunt();
  for (const [name, secret] of Object.entries(passwords)) hunt.hide(`password (${name})`, secret);
  for (const [name, secret] of Object.entries(tokens)) hunt.hide(`token (${name})`, secret);
  for (const [name, secret] of Object.entries(aad)) hunt.hide(`AAD (${name})`, secret);
  hunt.hide('plaintext', plaintext);
  hunt.hide('bad value', badValue);
  return hunt;
}

/**
 * A table of good and bad records, a KMS behind a talkative gateway, and a broker, all looked at by the hunt.
 */
export async function openScene(
  kind: 'redis' | 'postgres',
  servers: GuardedServers,
  hunt: Hunt,
): Promise<Scene> {
  const emulator = await startEmulator({ port: 0, keys: [keyId], token: tokens.right });
  const gateway = await startEchoingGateway(emulator.endpoint);
  const storeUrl = await servers.createDatabase('store');
  const store = servers.open(storeUrl);
  const failures = await fillTable(store, emulator);
  await rotateKey(emulator);
  await hideValues(hunt, store);

  const brokerUrl = kind === 'redis' ? servers.redis.url : await servers.createDatabase('broker');
  const broker = servers.openAsSuperuser(kind === 'redis' ? storeUrl : brokerUrl);
  const client = new Redis(servers.redis);
  await client.flushall();
  const monitor = await client.monitor();
  monitor.on('monitor', (_time, args: string[]) => hunt.see('Redis commands', args.join(' ')));

  onTestFinished(async () => {
    monitor.disconnect();
    client.disconnect();
    await Promise.all([store.end(), broker.end(), gateway.close(), emulator.close()]);
  });

  async function look(args: readonly string[], ended: Promise<CliResult>): Promise<CliResult> {
    const result = await ended;
    hunt.see(`stdout of ${args[0]}`, result.stdout);
    hunt.see(`stderr of ${args[0]}`, result.stderr);
    return result;
  }
  return {
    config: {
      rotation: `canary-${kind}`,
      broker: brokerUrl,
      kms: { provider: 'yandex', endpoint: gateway.url, auth: { iamToken: tokens.right } },
      source: { keyId, aadContext: `${aad.source}/{owner}` },
      target: { keyId, aadContext: `${aad.target}/{owner}` },
      store: { type: 'postgres', url: storeUrl, table: 'customers', key: ['id'], column: 'value' },
      format: { json: '/ssn', format: 'base64' },
      limits: { rate: 'none', batchSize: 5, concurrency: 4 },
      retry: { attempts: 8, initial: '5ms', max: '20ms' },
      metrics: { port: 0, host: '127.0.0.1' },
      log: { level: 'trace' },
    },
    brokerUrl,
    broker,
    store,
    gateway,
    emulator,
    firstId: String(firstId),
    failures,
    cli: (args, env) => look(args, runCli(args, env)),
    start(args) {
      const running = startCli(args);
      return { ...running, ended: look(args, running.ended) };
    },
    async dump() {
      if (kind === 'redis') hunt.see('Redis', await dumpRedis(client));
      else hunt.see('PostgreSQL', await dumpPostgres(broker));
    },
    async hideNew() {
      await hideValues(hunt, store);
      for (const ciphertext of gateway.carried.ciphertexts) hideCiphertext(hunt, ciphertext);
      for (const token of gateway.carried.tokens) hunt.hide('issued token', token);
    },
  };
}

/** Where a running worker says that it serves them. */
export async function metricsUrl(running: RunningCli): Promise<string> {
  return vi.waitFor(
    () => {
      const [url] = /http:\S+\/metrics/.exec(running.stdout()) ?? [];
      if (url === undefined) throw new Error(`no address of metrics: ${running.stderr()}`);
      return url;
    },
    { timeout: 15_000, interval: 50 },
  );
}

export function randomHex(): string {
  return randomBytes(16).toString('hex');
}
