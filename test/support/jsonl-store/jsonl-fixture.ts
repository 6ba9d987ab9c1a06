import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { openModuleStore } from '../../../src/stores/module.ts';
import type { RecordStoreFixture } from '../../../src/testing/record-store-contract.ts';

const line = z.object({ id: z.string(), tenant: z.string().nullable(), value: z.string().nullable() });
type Line = z.output<typeof line>;

export const jsonlModule = join(import.meta.dirname, 'my-store.js');

/** A directory of JSONL files as an application writes them, here one that writes while nobody else does. */
export async function createJsonlDirectory(files: Readonly<Record<string, readonly Line[]>> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'keyturn-jsonl-'));
  const customers = join(folder, 'customers');
  await mkdir(customers);

  async function readLines(file: string): Promise<Line[]> {
    const text = await readFile(join(customers, file), 'utf8').catch(() => '');
    return text.split('\n').flatMap((json) => (json === '' ? [] : [line.parse(JSON.parse(json))]));
  }
  async function writeLines(file: string, lines: readonly Line[]): Promise<void> {
    await writeText(file, lines.map((each) => `${JSON.stringify(each)}\n`).join(''));
  }
  function writeText(file: string, text: string): Promise<void> {
    return writeFile(join(customers, file), text);
  }
  for (const [file, lines] of Object.entries(files)) await writeLines(file, lines);

  return {
    /** Where the config lies; the files are in `customers` below it. */
    folder,
    readLines,
    writeLines,
    writeText,
    files: async () => (await readdir(customers)).toSorted(),
    remove: () => rm(folder, { recursive: true }),
  };
}

/** The store as a user's config opens it, over two files. */
export async function jsonlFixture(): Promise<RecordStoreFixture> {
  const directory = await createJsonlDirectory();
  const store = await openModuleStore({
    module: jsonlModule,
    directory: directory.folder,
    options: { directory: './customers' },
    fields: ['tenant'],
    readOnly: false,
  });
  const bytesOf = (text: string): Uint8Array => Buffer.from(text);
  const textOf = (value: Uint8Array | null): string | null =>
    value === null ? null : Buffer.from(value).toString();
  const placeOf = (ref: string): [file: string, id: string] => {
    const [file = '', id = ''] = ref.split('/');
    return [file, id];
  };

  return {
    store,
    async seed(records) {
      const places = records.map(({ id }, index) => ({ file: `part-${index % 2}.jsonl`, id }));
      for (const file of new Set(places.map(({ file }) => file))) {
        const added = records.filter((_, index) => places[index]?.file === file);
        const lines = added.map(({ id, tenant, value }) => ({ id, tenant, value: textOf(value) }));
        await directory.writeLines(file, [...(await directory.readLines(file)), ...lines]);
      }
      return places.map(({ file, id }) => `${file}/${id}`);
    },
    async write(ref, value) {
      const [file, id] = placeOf(ref);
      const lines = await directory.readLines(file);
      await directory.writeLines(
        file,
        lines.map((each) => (each.id === id ? { ...each, value: textOf(value) } : each)),
      );
    },
    async remove(ref) {
      const [file, id] = placeOf(ref);
      const lines = await directory.readLines(file);
      await directory.writeLines(
        file,
        lines.filter((each) => each.id !== id),
      );
    },
    async readRaw(ref) {
      const [file, id] = placeOf(ref);
      const value = (await directory.readLines(file)).find((each) => each.id === id)?.value ?? null;
      return value === null ? null : bytesOf(value);
    },
    async close() {
      await store.close();
      await directory.remove();
    },
  };
}
