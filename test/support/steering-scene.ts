import pg from 'pg';
import { vi } from 'vitest';
import { runCli, startCli, writeConfig, type CliResult, type RunningCli } from './cli.ts';
import { startOpaqueKms, type OpaqueKms } from './opaque-kms.ts';
import { freshDatabase } from './peers.ts';

/** A rotation that workers of their own processes work on, seen from the KMS. */
export interface SteeringScene {
  readonly kms: OpaqueKms;
  readonly config: string;
  /** Starts workers and waits until each says that it is up. */
  startWorkers(count: number, flags?: readonly string[], env?: NodeJS.ProcessEnv): Promise<RunningCli[]>;
  /** The record's value now. */
  valueOf(record: number): Promise<Buffer>;
  /** Runs a command that must succeed. */
  command(...args: string[]): Promise<CliResult>;
  status(): Promise<{
    state: string;
    reason: string | null;
    rotated: number;
    failed: number;
    rate: { configured: number };
  }>;
  /** When the KMS was called to re-encrypt since then, by performance.now(). */
  callsSince(from: number): number[];
  /** Resolves when `count` more calls to re-encrypt have come than until now. */
  calls(count: number): Promise<void>;
  /** Resolves `ms` after `from`, by performance.now(): that nothing happens can only be waited for. */
  elapsed(from: number, ms: number): Promise<void>;
  close(): Promise<void>;
}

/** A table of `count` records of an opaque KMS; `bad` tells by its number which one the KMS cannot open. */
export async function openSteeringScene(
  broker: string,
  count: number,
  { store, ...settings }: { limits: object; metrics?: object; verifyWrites?: object; store?: object },
  bad: (record: number) => boolean = () => false,
): Promise<SteeringScene> {
  const kms = await startOpaqueKms();
  const database = await freshDatabase();
  const sql = new pg.Pool({ connectionString: database.url, max: 2 });
  sql.on('error', () => undefined);
  await sql.query('CREATE TABLE people (id int PRIMARY KEY, secret bytea)');
  const records = Array.from({ length: count }, (_, index) => index + 1);
  await sql.query('INSERT INTO people SELECT * FROM unnest($1::int[], $2::bytea[])', [
    records,
    records.map((id) => (bad(id) ? Buffer.from('rubbish') : kms.encrypt(`p-${id}`, `p/${id}`, 'version-1'))),
  ]);
  const config = await writeConfig({
    rotation: 'steered',
    broker,
    kms: { provider: 'yandex', endpoint: kms.endpoint, auth: { iamToken: kms.token } },
    source: { keyId: 'k1', aadContext: 'p/{id}' },
    target: { keyId: 'k1', versionId: 'version-2', aadContext: 'p/{id}' },
    store: { type: 'postgres', url: database.url, table: 'people', key: ['id'], column: 'secret', ...store },
    format: 'raw',
    ...settings,
  });
  const workers: RunningCli[] = [];
  const callsSince = (from: number): number[] =>
    kms.calls.filter(({ at, method }) => at > from && method === 'reEncrypt').map(({ at }) => at);

  async function command(...args: string[]): Promise<CliResult> {
    const result = await runCli([...args, '-c', config]);
    if (result.code !== 0)
      throw new Error(`keyturn ${args.join(' ')}: exit ${result.code}: ${result.stderr}`);
    return result;
  }

  return {
    kms,
    config,
    async startWorkers(wanted, flags = [], env = {}) {
      const started = Array.from({ length: wanted }, () => startCli(['work', '-c', config, ...flags], env));
      workers.push(...started);
      await until(
        () => started.every((worker) => worker.stderr().includes('worker started')),
        'the start of the workers',
      );
      return started;
    },
    async valueOf(record) {
      const { rows } = await sql.query<{ secret: Buffer }>('SELECT secret FROM people WHERE id = $1', [
        record,
      ]);
      return rows[0]?.secret ?? Buffer.alloc(0);
    },
    command,
    status: async () => JSON.parse((await command('status', '--json')).stdout),
    callsSince,
    async calls(wanted) {
      const from = performance.now();
      await until(() => callsSince(from).length >= wanted, `${wanted} calls`);
    },
    elapsed: (from, ms) => until(() => performance.now() >= from + ms, 'time to pass'),
    async close() {
      for (const { child } of workers) child.kill('SIGKILL');
      await Promise.all(workers.map(({ ended }) => ended));
      await kms.close();
      await sql.end();
      await database.drop();
    },
  };
}

export async function killAll(workers: readonly RunningCli[]): Promise<void> {
  for (const { child } of workers) child.kill('SIGKILL');
  await Promise.all(workers.map(({ ended }) => ended));
}

async function until(condition: () => boolean, what: string): Promise<void> {
  await vi.waitFor(
    () => {
      if (!condition()) throw new Error(`waited in vain for ${what}`);
    },
    { timeout: 45_000, interval: 20 },
  );
}
