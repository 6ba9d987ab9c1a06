import { createSecretKey } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { Fault } from '../../rotation/faults.ts';
import { algorithmNumbers, keyLengths, type Algorithm } from './algorithms.ts';
import type { Key } from './key.ts';
import { maxIdLength } from './resource-id.ts';
import { serviceAccountKeySchema, type ServiceAccountKey } from './service-account-key.ts';

export interface EmulatorState {
  /** By id, in the order of their creation. */
  readonly keys: ReadonlyMap<string, Key>;
  readonly serviceAccountKeys: ReadonlyMap<string, ServiceAccountKey>;
}

const stateFormat = 'keyturn-kms-emulator-1';

const algorithmSchema = z.custom<Algorithm>(
  (value) => typeof value === 'string' && Object.hasOwn(algorithmNumbers, value),
);
const epochMsSchema = z.int();

const versionSchema = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9]{20}$/),
    algorithm: algorithmSchema,
    createdAt: epochMsSchema,
    destroyAt: epochMsSchema.nullable(),
    /** Base64; null once it is destroyed. */
    secret: z.base64().nullable(),
  })
  .transform((version, context) => {
    const bytes = version.secret === null ? null : Buffer.from(version.secret, 'base64');
    if (bytes !== null && bytes.length !== keyLengths[version.algorithm]) {
      context.addIssue('the secret has not the length of its algorithm');
    }
    // An empty secret would throw here; the issue above refuses it.
    return { ...version, secret: bytes === null || bytes.length === 0 ? null : createSecretKey(bytes) };
  });

const keySchema = z
  .strictObject({
    id: z.string().min(1).max(maxIdLength),
    folderId: z.string(),
    name: z.string(),
    description: z.string(),
    labels: z.record(z.string(), z.string()),
    status: z.enum(['ACTIVE', 'INACTIVE']),
    defaultAlgorithm: algorithmSchema,
    deletionProtection: z.boolean(),
    createdAt: epochMsSchema,
    versions: z.array(versionSchema).min(1),
    primaries: z.array(z.strictObject({ versionId: z.string(), since: epochMsSchema })).min(1),
  })
  .refine(
    ({ versions, primaries }) =>
      primaries.every(({ versionId }) => versions.some(({ id }) => id === versionId)),
    'a primary version is missing',
  );

const stateSchema = z.strictObject({
  format: z.literal(stateFormat),
  keys: z.array(keySchema),
  serviceAccountKeys: z.array(serviceAccountKeySchema),
});

/**
 * Null if there is no file.
 * Throws a usage `Fault` that names the file if it is corrupt or cannot be read.
 */
export async function loadState(path: string): Promise<EmulatorState | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw new Fault(
      'usage',
      'STATE_FILE_UNREADABLE',
      `cannot read the state file ${path}: ${errorCode(error)}`,
    );
  }
  const parsed = stateSchema.safeParse(parseJson(text));
  // No cause: what JSON.parse and zod say may quote the key material.
  if (!parsed.success) {
    throw new Fault(
      'usage',
      'STATE_FILE_CORRUPT',
      `${path} is not a state file of the KMS emulator, or it is damaged; name another one, ` +
        'or move it away to start anew',
    );
  }
  const { keys, serviceAccountKeys } = parsed.data;
  return {
    keys: new Map(keys.map((key) => [key.id, key])),
    serviceAccountKeys: new Map(serviceAccountKeys.map((key) => [key.id, key])),
  };
}

/**
 * Replaces the file in one step: whoever reads it, also after a crash, finds the old state or the new one
 * whole. It holds key material, so only its owner may read it. One writer at a time.
 */
export async function saveState(path: string, state: EmulatorState): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    // What a crash left there; opened with `wx`, the new file has our mode and is nobody's symbolic link.
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(encodeState(state));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    throw new Fault(
      'usage',
      'STATE_FILE_UNWRITABLE',
      `cannot write the state file ${path}: ${errorCode(error)}`,
    );
  }
}

/** Without it a power cut could bring the old name back. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function encodeState(state: EmulatorState): string {
  const keys = [...state.keys.values()].map((key) => ({
    ...key,
    versions: key.versions.map((version) => ({
      ...version,
      secret: version.secret?.export().toString('base64') ?? null,
    })),
  }));
  const stored = {
    format: stateFormat,
    keys,
    serviceAccountKeys: [...state.serviceAccountKeys.values()],
  };
  return JSON.stringify(stored, null, 2);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'unknown error';
}
