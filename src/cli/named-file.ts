import { readFile } from 'node:fs/promises';
import { errnoOf } from '../rotation/errno.ts';
import { Fault } from '../rotation/faults.ts';

/** The bytes of a file; `namedBy` is the option or the config's path that names it. Usage fault FILE_UNREADABLE. */
export async function readNamedFile(namedBy: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    const message = `${namedBy}: cannot read ${file} (${errnoOf(error)})`;
    throw new Fault('usage', 'FILE_UNREADABLE', message, { cause: error });
  }
}

export async function readNamedText(namedBy: string, file: string): Promise<string> {
  return (await readNamedFile(namedBy, file)).toString('utf8');
}
