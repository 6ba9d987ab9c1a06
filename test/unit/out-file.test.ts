import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openOutFile } from '../../src/cli/out-file.ts';

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'keyturn-out-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('an older file stays whole until there is something to write, and nothing of it is left then', async () => {
  const file = join(newFolder(), 'certificate.json');
  writeFileSync(file, 'an older certificate');
  const write = await openOutFile(file);
  expect(readFileSync(file, 'utf8')).toBe('an older certificate');
  await write('new');
  expect(readFileSync(file, 'utf8')).toBe('new');
});

test.each([
  ['in a folder that is not there', ['none', 'certificate.json'], 'ENOENT'],
  ['that is a folder', [], 'EISDIR'],
])('a file %s is told at once, with its name and the reason', async (_what, path, reason) => {
  const file = join(newFolder(), ...path);
  await expect(openOutFile(file)).rejects.toMatchObject({
    faultClass: 'usage',
    code: 'FILE_UNWRITABLE',
    message: expect.stringContaining(`cannot write ${file} (${reason})`),
  });
});

test('a file that cannot be written any more at the end is told too', async () => {
  const folder = newFolder();
  const file = join(folder, 'certificate.json');
  const write = await openOutFile(file);
  rmSync(folder, { recursive: true });
  await expect(write('new')).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
});
