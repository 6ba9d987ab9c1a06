import { execFile } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { findCrossings, isForbidden, mayImport } from '../support/import-crossings.ts';

const report = z.object({
  diagnostics: z.array(z.object({ code: z.string().nullish(), filename: z.string() })),
});
const folders = Object.keys(mayImport).filter((name) => name !== 'index.ts');

/** A tree in which every folder imports every other one, in each way there is. */
const planted = mkdtempSync(join(tmpdir(), 'keyturn-boundaries-'));

const waysToImport: Readonly<Record<string, (target: string) => string>> = {
  static: (target) => `import { value } from '${target}';\nexport const own = value;\n`,
  type: (target) => `import type { Value } from '${target}';\nexport type Own = Value;\n`,
  again: (target) => `export { value } from '${target}';\n`,
  dynamic: (target) => `export const load = () => import('${target}');\n`,
};

beforeAll(() => {
  const plant = (file: string, text: string): void => {
    mkdirSync(dirname(join(planted, file)), { recursive: true });
    writeFileSync(join(planted, file), text);
  };
  for (const folder of folders)
    plant(`src/${folder}/target.ts`, 'export const value = 1;\nexport type Value = number;\n');
  for (const [way, write] of Object.entries(waysToImport)) {
    for (const from of folders) {
      for (const to of folders) {
        plant(`src/${from}/${way}-${to}.ts`, write(`../${to}/target.ts`));
        plant(`src/${from}/deep/${way}-${to}.ts`, write(`../../${to}/target.ts`));
      }
    }
  }
  plant('src/index.ts', folders.map((to) => `export * as ${to} from './${to}/target.ts';\n`).join(''));
  for (const file of ['.oxlintrc.json', 'tsconfig.json']) copyFileSync(file, join(planted, file));
  symlinkSync(resolve('node_modules'), join(planted, 'node_modules'));
});
afterAll(() => rmSync(planted, { recursive: true }));

test('the linter refuses each import that crosses a boundary, and no other', async () => {
  const expected = folders.flatMap((from) =>
    folders
      .filter((to) => isForbidden(from, to))
      .flatMap((to) =>
        Object.keys(waysToImport).flatMap((way) => [
          `src/${from}/${way}-${to}.ts`,
          `src/${from}/deep/${way}-${to}.ts`,
        ]),
      ),
  );
  expect(await lintImports(planted)).toEqual([...expected, 'src/index.ts'].toSorted());
});

test('an import in a type, which the linter does not see, is found too', () => {
  writeFileSync(
    join(planted, 'src/kms/import-type.ts'),
    `export type T = typeof import('../broker/target.ts');\n`,
  );
  const found = findCrossings(join(planted, 'src'));
  expect(found).toContain('kms/import-type.ts -> broker/target.ts');
  expect(found).toContain('worker/deep/dynamic-producer.ts -> producer/target.ts');
  expect(found).not.toContain('kms/deep/static-kms.ts -> kms/target.ts');
  expect(found).not.toContain('cli/static-kms.ts -> kms/target.ts');
});

test(
  'no file of keyturn imports across a boundary, and each folder has one',
  { timeout: 120_000 },
  async () => {
    expect(readdirSync('src').toSorted()).toEqual(Object.keys(mayImport).toSorted());
    expect(findCrossings('src')).toEqual([]);
    expect(await lintImports('.')).toEqual([]);
  },
);

/** The files below `src` in which the linter finds a forbidden import. */
async function lintImports(directory: string): Promise<string[]> {
  const output = await new Promise<string>((done) => {
    // It ends with 1 where it finds something.
    execFile(
      process.execPath,
      [resolve('node_modules/oxlint/bin/oxlint'), 'src', '--format', 'json'],
      { cwd: directory, maxBuffer: 2 ** 26 },
      (_error, stdout) => done(stdout),
    );
  });
  const files = report
    .parse(JSON.parse(output))
    .diagnostics.filter(({ code }) => code === 'eslint(no-restricted-imports)')
    .map(({ filename }) => filename);
  return [...new Set(files)].toSorted();
}
