import { readFile } from 'node:fs/promises';
import { Fault } from '../rotation/faults.ts';

/** The text of a file that the config names; `path` is the config's path to it, for the error. */
export async function readSecretFile(path: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new Fault('usage', 'FILE_UNREADABLE', `${path}: cannot read ${file} (${code})`, { cause: error });
  }
}
