import { open, writeFile } from 'node:fs/promises';
import { errnoOf } from '../rotation/errno.ts';
import { Fault } from '../rotation/faults.ts';

/**
 * Proves that the file that `--out` names can be written, and returns what writes it. Until then nothing of
 * an older file is lost. Both throw a usage fault that names the file.
 */
export async function openOutFile(file: string): Promise<(text: string) => Promise<void>> {
  await attempt(file, async () => (await open(file, 'a')).close());
  return (text) => attempt(file, () => writeFile(file, text));
}

async function attempt(file: string, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    throw new Fault(
      'usage',
      'FILE_UNWRITABLE',
      `--out: cannot write ${file} (${errnoOf(error)}); name a file in a folder that exists and can be written to`,
      { cause: error },
    );
  }
}
