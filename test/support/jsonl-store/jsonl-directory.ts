import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

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
