import { z } from 'zod';
import { parseAadTemplate } from '../rotation/aad-template.ts';
import { Fault } from '../rotation/faults.ts';
import { dataKeySpecs } from '../rotation/ports/data-key-service.ts';
import { checkAad } from './aad-rules.ts';
import { createBrokerSchema } from './broker-schema.ts';
import { formatSchema } from './format-schema.ts';
import { type KeyturnConfig, logLevels } from './keyturn-config.ts';
import { createKmsSchema } from './kms-schema.ts';
import { checkMode, modes, toMode } from './mode-rules.ts';
import { duration, filePath, text } from './scalars.ts';
import { createStoreSchema } from './store-schema.ts';

const id = text.max(256);

const aadContext = z
  .string()
  .superRefine((template, context) => {
    try {
      parseAadTemplate(template);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      context.addIssue(error.message);
    }
  })
  .optional()
  .describe('Additional authenticated data; {column} is that column’s text, {{ a brace');

const limits = z.strictObject({
  rate: z
    .union([z.number().positive().max(1_000_000), z.literal('none')], {
      error: 'is no rate; give KMS calls per second, or none for no limit',
    })
    .default(500)
    .describe('KMS calls per second, over all workers together; none = no limit')
    .transform((rate) => (rate === 'none' ? null : rate)),
  rateUnit: z
    .enum(['calls', 'items'])
    .default('calls')
    .describe('What rate counts: calls, or the items of calls that take many'),
  concurrency: z.int().min(1).max(1024).default(32).describe('KMS calls in flight per worker process'),
  batchSize: z.int().min(1).max(10_000).default(500).describe('References per job'),
  backlog: z.int().min(1).max(100_000).default(200).describe('Batches waiting in the broker at most'),
  maxFailures: z
    .int()
    .min(0)
    .max(1_000_000_000)
    .default(1000)
    .describe('Beyond this many failed records the rotation pauses itself'),
});

const retry = z
  .strictObject({
    attempts: z.int().min(1).max(1000).default(8).describe('Calls for one record while others succeed'),
    initial: duration.prefault('200ms').describe('Before the second call; doubles with each'),
    max: duration.prefault('30s').describe('Longest wait between two calls'),
  })
  .refine(({ initial, max }) => initial <= max, 'has an initial longer than max; make it shorter')
  .transform(({ attempts, initial, max }) => ({ attempts, initialMs: initial, maxMs: max }));

const verifyWrites = z.strictObject({
  sample: z
    .number()
    .min(0)
    .max(1)
    .describe('The share of the written records: 0.01 is one in a hundred, 1 all'),
});

const metrics = z.strictObject({
  port: z.int().min(0).max(65_535).default(9464).describe('0 = a free port, which is printed'),
  host: text.default('0.0.0.0'),
});

/** The whole config. `directory` is where relative paths of files begin. */
export function createConfigSchema(directory: string) {
  return z
    .strictObject({
      rotation: z
        .string()
        .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'is no name; use 1 to 40 of a-z, 0-9 and -, and no - first')
        .describe('Name of this rotation, and of its queue'),
      broker: createBrokerSchema(directory),
      kms: createKmsSchema(directory),
      source: z
        .strictObject({ keyId: id, aadContext })
        .transform((source) => ({ ...source, aadContext: source.aadContext ?? null }))
        .describe('The key that the records are under'),
      target: z
        .strictObject({
          keyId: id,
          versionId: id.optional().describe('Default: the primary version, pinned at the start'),
          aadContext,
        })
        .transform((target) => ({
          ...target,
          versionId: target.versionId ?? null,
          aadContext: target.aadContext ?? null,
        }))
        .describe('The key that the records come under'),
      store: createStoreSchema(directory).describe('Where the records lie'),
      format: formatSchema,
      mode: z
        .enum(modes)
        .default('rewrap')
        .describe('rewrap: by reEncrypt; regenerate: a new data key for each envelope'),
      allowPlaintext: z
        .boolean()
        .optional()
        .describe('Needed for regenerate, which opens payloads in this process'),
      dataKeySpec: z.enum(dataKeySpecs).optional().describe('Of the new data keys; default AES_256'),
      verifyWrites: verifyWrites
        .optional()
        .describe('Reads a random share of what was written again and has the KMS open it; off if left out'),
      limits: limits.prefault({}),
      retry: retry.prefault({}).describe('Exponential backoff per record; an outage costs no attempt'),
      shutdownTimeout: duration
        .prefault('25s')
        .describe('How long a worker that is told to end may take to hand back its batches'),
      metrics: metrics.optional().describe('Serves /metrics, /healthz and /readyz; off if left out'),
      audit: filePath(directory)
        .optional()
        .describe('File of the audit log, to which each command and change is appended; off if left out'),
      log: z.strictObject({ level: z.enum(logLevels).default('info') }).prefault({}),
    })
    .superRefine(checkAad)
    .superRefine(checkMode)
    .transform((config): KeyturnConfig => ({
      rotation: config.rotation,
      broker: config.broker,
      kms: config.kms,
      source: config.source,
      target: config.target,
      store: config.store,
      format: config.format,
      mode: toMode(config),
      verifyWrites: config.verifyWrites?.sample ?? 0,
      limits: config.limits,
      retry: config.retry,
      shutdownTimeoutMs: config.shutdownTimeout,
      metrics: config.metrics ?? null,
      audit: config.audit ?? null,
      log: config.log,
    }));
}
