import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import type { RecordStore } from '../../src/rotation/ports/record-store.ts';
import { replacementOf } from '../../src/rotation/record.ts';
import { openModuleStore } from '../../src/stores/module.ts';
import { runVitestOutside } from '../support/outside-package.ts';
import { startService, type RecordService } from '../support/record-service.js';

const page = readFileSync('docs/write-your-own-store.md', 'utf8');

/** The page's code by the file name in its first line. */
const files = Object.fromEntries(
  [...page.matchAll(/```js\n\/\/ (\S+)\n([^]*?)```/g)].map(([, file = '', text = '']) => [file, text]),
);
const configSchema = z.object({
  store: z.strictObject({
    type: z.literal('module'),
    module: z.string(),
    options: z.strictObject({ url: z.string(), token: z.string() }),
  }),
});

test('the page’s store passes the contract suite, run as the page says', async () => {
  const testsOf = await runVitestOutside({
    ...files,
    'service.js': readFileSync('test/support/record-service.js', 'utf8'),
  });
  const tests = testsOf('my-store.test.js');
  expect(tests.filter(({ status }) => status === 'passed').length).toBeGreaterThan(30);
  expect(tests.filter(({ status }) => status === 'failed')).toEqual([]);
});

describe('the page’s store, opened by the page’s config', () => {
  const { store: config } = configSchema.parse(parse(/```yaml\n([^]*?)```/.exec(page)?.[1] ?? ''));
  let folder: string;
  let service: RecordService;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'keyturn-docs-'));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
    service = await startService();
    service.put('a', { tenant: 'acme', value: Buffer.from('old') });
  });
  afterAll(async () => {
    await service.stop();
    rmSync(folder, { recursive: true });
  });

  function open(options: unknown): Promise<RecordStore> {
    return openModuleStore({
      module: config.module,
      directory: folder,
      options,
      fields: ['tenant'],
      readOnly: false,
    });
  }

  test('says what it is, and keeps a refused value with its record', async () => {
    const store = await open({ ...config.options, url: service.url, token: service.token });
    expect(await store.check()).toBe(`the record service at ${new URL(service.url).host}`);
    const [read] = await store.read(['a']);
    expect(read).toMatchObject({ ref: 'a', fields: { tenant: 'acme' }, keyVersion: null });
    const outcomes = read && (await store.replace([replacementOf(read, Buffer.alloc(101), 'v2')]));
    expect(outcomes).toEqual([expect.objectContaining({ faultClass: 'record', code: 'VALUE_REFUSED' })]);
  });

  test('a wrong token is a person’s, a service out of reach will pass, and wrong options are refused', async () => {
    const denied = await open({ url: service.url, token: 'wrong' });
    await expect(denied.count()).rejects.toMatchObject({ faultClass: 'rotation', code: 'STORE_DENIED' });
    const gone = await startService();
    await gone.stop();
    const away = await open({ url: gone.url, token: gone.token });
    await expect(away.read(['a'])).rejects.toMatchObject({
      faultClass: 'transient',
      message: 'the record service is out of reach (ECONNREFUSED)',
    });
    await expect(open({})).rejects.toMatchObject({ faultClass: 'usage', code: 'BAD_OPTIONS' });
  });
});
