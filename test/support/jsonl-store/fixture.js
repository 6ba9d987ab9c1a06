// What the contract suite needs of a store over JSONL files: to do to them what an application does.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const toText = (value) => (value === null ? null : Buffer.from(value).toString());

/** A new, empty directory, with the store that `open` gives for it. */
export async function jsonlFixture(open) {
  const directory = await mkdtemp(join(tmpdir(), 'my-store-'));
  const store = await open(directory);

  async function change(file, changeLines) {
    const path = join(directory, file);
    const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n').filter(Boolean);
    const changed = changeLines(lines.map((line) => JSON.parse(line)));
    await writeFile(path, changed.map((record) => `${JSON.stringify(record)}\n`).join(''));
  }

  return {
    store,
    async seed(records) {
      const placed = records.map((record, index) => ({ ...record, file: `part-${index % 2}.jsonl` }));
      for (const file of new Set(placed.map((record) => record.file))) {
        const added = placed
          .filter((record) => record.file === file)
          .map(({ id, tenant, value }) => ({ id, tenant, value: toText(value) }));
        await change(file, (lines) => [...lines, ...added]);
      }
      return placed.map(({ file, id }) => `${file}/${id}`);
    },
    write(ref, value) {
      const [file, id] = ref.split('/');
      return change(file, (lines) =>
        lines.map((record) => (record.id === id ? { ...record, value: toText(value) } : record)),
      );
    },
    remove(ref) {
      const [file, id] = ref.split('/');
      return change(file, (lines) => lines.filter((record) => record.id !== id));
    },
    async readRaw(ref) {
      const [file, id] = ref.split('/');
      let value = null;
      await change(file, (lines) => {
        value = lines.find((record) => record.id === id)?.value ?? null;
        return lines;
      });
      return value === null ? null : Buffer.from(value);
    },
    async close() {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
}
