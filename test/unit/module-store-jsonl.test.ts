import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openModuleStore } from '../../src/stores/module.ts';
import { recordStoreContract } from '../../src/testing/record-store-contract.ts';
import { jsonlFixture } from '../support/jsonl-store/fixture.js';
import { createJsonlDirectory, jsonlModule } from '../support/jsonl-store/jsonl-directory.ts';

recordStoreContract(
  'a directory of JSONL files, opened as a module,',
  () =>
    jsonlFixture((directory) =>
      openModuleStore({
        module: jsonlModule,
        directory: '/',
        options: { directory },
        fields: ['tenant'],
        readOnly: false,
      }),
    ),
  { samples: false },
);

describe('a directory of JSONL files', () => {
  let directory: Awaited<ReturnType<typeof createJsonlDirectory>>;
  beforeEach(async () => {
    directory = await createJsonlDirectory({
      'a.jsonl': [{ id: '1', tenant: 'acme', value: 'old' }],
      'b.jsonl': [{ id: '1', tenant: 'acme', value: 'canary' }],
    });
  });
  afterEach(() => directory.remove());

  function open(options: unknown = { directory: 'customers' }) {
    return openModuleStore({
      module: jsonlModule,
      directory: directory.folder,
      options,
      fields: [],
      readOnly: false,
    });
  }

  test('options that name no directory are refused before anything starts', async () => {
    await expect(open({ dir: 'customers' })).rejects.toMatchObject({
      faultClass: 'usage',
      code: 'BAD_OPTIONS',
    });
    await expect(open({ directory: 'elsewhere' })).rejects.toMatchObject({ code: 'STORE_DENIED' });
  });

  test.each(['{"id":"1","value":"canary"', 'null', '{"id":1,"value":"canary"}', '{"value":"canary"}'])(
    'a damaged line pauses the rotation and is not quoted (%s)',
    async (damaged) => {
      await directory.writeText('a.jsonl', damaged);
      const store = await open();
      const fault: unknown = await store.read(['a.jsonl/1']).catch((error: unknown) => error);
      expect(fault).toMatchObject({ faultClass: 'rotation', code: 'STORE_CORRUPTED' });
      expect(fault).not.toMatchObject({ message: expect.stringContaining('canary') });
    },
  );

  test('two lines with one id are not taken for one record', async () => {
    const twice = { id: '1', tenant: null, value: 'x' };
    await directory.writeLines('a.jsonl', [twice, twice]);
    await expect((await open()).count()).rejects.toMatchObject({ code: 'STORE_CORRUPTED' });
  });

  test('a ref leads to no file elsewhere', async () => {
    const refs = ['../customers/a.jsonl/1', '/etc/passwd', 'b', '', 'a.jsonl', '.jsonl/1'];
    expect(await (await open()).read(refs)).toEqual([]);
  });

  test('a new value that is no text stays with its record', async () => {
    const replace = (ref: string, newValue: Uint8Array, oldValue = 'old') => ({
      ref,
      oldValue: Buffer.from(oldValue),
      newValue,
      keyVersion: 'v2',
      revision: null,
    });
    const outcomes = await (
      await open()
    ).replace([
      replace('a.jsonl/1', Buffer.from([0xff])),
      replace('b.jsonl/1', Buffer.from('new'), 'canary'),
      replace('none.jsonl/1', Buffer.from('new')),
    ]);
    expect(outcomes).toEqual([
      expect.objectContaining({ faultClass: 'record', code: 'VALUE_REFUSED' }),
      'replaced',
      'conflict',
    ]);
    expect(await directory.readLines('b.jsonl')).toEqual([{ id: '1', tenant: 'acme', value: 'new' }]);
    expect(await directory.files()).toEqual(['a.jsonl', 'b.jsonl']);
  });
});
