import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { runCli, writeConfig } from '../support/cli.ts';
import { createCustomers, customersTable, type Customers } from '../support/customers.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';
import { startSpanCollector, type CollectedSpan } from '../support/span-collector.ts';

const count = z.object({ intValue: z.number() });
const records = 20;
const batchSize = 10;

let customers: Customers;

beforeAll(async () => {
  customers = await createCustomers(records);
  await customers.sql.query(
    `UPDATE ${customersTable} SET "ssn ""enc""" = 'not base64!' WHERE "Id" = 9007199254740993`,
  );
});
afterAll(() => customers.close());

async function configFor(broker: string): Promise<string> {
  return writeConfig({ rotation: 'traced', broker, ...customers.config, limits: { batchSize } });
}

async function rotate(config: string, env: NodeJS.ProcessEnv): Promise<void> {
  expect(await runCli(['enqueue', '-c', config], env)).toMatchObject({ code: 0 });
  // One record has failed.
  expect(await runCli(['work', '--exit-when-done', '-c', config], env)).toMatchObject({ code: 1 });
}

function groupBy<T>(all: readonly T[], keyOf: (each: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of all) groups.set(keyOf(each), [...(groups.get(keyOf(each)) ?? []), each]);
  return groups;
}

const attribute = (span: CollectedSpan | undefined, name: string): unknown =>
  span?.attributes.find(({ key }) => key === name)?.value;

describe.each([
  ['Redis', freshRedis],
  ['PostgreSQL', freshDatabase],
])('over %s', (_name, freshBroker) => {
  test('a batch is one trace, from the producer through the worker to KMS and store', async () => {
    const collector = await startSpanCollector();
    onTestFinished(() => collector.close());
    await customers.rotateKey();
    const { rows } = await customers.sql.query<{ value: string }>(
      `SELECT "ssn ""enc""" AS value FROM ${customersTable}`,
    );
    await rotate(await configFor((await freshBroker()).url), {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    });

    const traces = [...groupBy(collector.spans(), ({ traceId }) => traceId).values()];
    expect(traces).toHaveLength(records / batchSize);
    for (const spans of traces) {
      const byName = groupBy(spans, ({ name }) => name);
      const [producer] = byName.get('addBulk traced') ?? [];
      const [worker] = byName.get('process traced') ?? [];
      expect(producer?.parentSpanId ?? '', 'it begins with the producer').toBe('');
      expect(worker?.parentSpanId).toBe(producer?.spanId);
      for (const name of ['store read', 'store replace', 'kms reEncrypt']) {
        const [first] = byName.get(name) ?? [];
        expect(first?.parentSpanId, name).toBe(worker?.spanId);
      }
      const { intValue: rotated } = count.parse(attribute(worker, 'keyturn.records.rotated'));
      expect(byName.get('kms reEncrypt')).toHaveLength(rotated);
      expect([batchSize, batchSize - 1]).toContain(rotated);
      expect(attribute(worker, 'keyturn.batch.outcome')).toEqual({ stringValue: 'settled' });
      const known = new Set(spans.map(({ spanId }) => spanId));
      for (const { name, parentSpanId } of spans)
        if (name !== 'addBulk traced') expect(known.has(parentSpanId ?? ''), name).toBe(true);
    }
    for (const attributes of collector.resources())
      expect(attributes).toContainEqual({ key: 'service.name', value: { stringValue: 'keyturn' } });

    const sent = collector.texts.join('\n');
    const after = await customers.sql.query<{ value: string }>(
      `SELECT "ssn ""enc""" AS value FROM ${customersTable}`,
    );
    const secrets = [...rows, ...after.rows].map(({ value }) => value);
    for (const secret of [
      ...secrets,
      customers.emulator.token,
      '900719925474',
      'customer/',
      'plain-',
      customers.url,
    ])
      expect(sent.includes(secret), secret).toBe(false);
    expect(collector.spans().flatMap(({ events }) => events)).toEqual([]);
  }, 60_000);
});

test('a collector that is out of reach costs no batch, and is told of', async () => {
  const config = await configFor((await freshRedis()).url);
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
  const { code, stderr } = await runCli(['enqueue', '-c', config], env);
  expect(code).toBe(0);
  expect(stderr).toContain('"code":"TRACES_LOST"');
}, 60_000);

test('nothing of OpenTelemetry but what prom-client needs is loaded where no traces are asked for', async () => {
  const collector = await startSpanCollector();
  onTestFinished(() => collector.close());
  const config = await configFor((await freshRedis()).url);
  const folder = await mkdtemp(join(tmpdir(), 'keyturn-modules-'));
  const hook = join(folder, 'list-modules.cjs');
  await writeFile(
    hook,
    `process.on('exit', () => require('node:fs').writeFileSync(process.env.LIST, Object.keys(require.cache).join('\\n')));`,
  );
  async function loaded(env: NodeJS.ProcessEnv): Promise<string> {
    const list = join(folder, 'list');
    await runCli(['enqueue', '-c', config], { NODE_OPTIONS: `--require ${hook}`, LIST: list, ...env });
    return readFile(list, 'utf8');
  }
  const tracing = /node_modules\/(?:@opentelemetry\/(?!api\/)|bullmq-otel\/)/;
  expect(await loaded({})).not.toMatch(tracing);
  // A share of none: all is loaded, and nothing sent.
  const asked = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_TRACES_SAMPLER_ARG: '0' };
  expect(await loaded(asked)).toMatch(tracing);
  expect(collector.spans()).toEqual([]);
}, 60_000);
