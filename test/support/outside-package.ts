import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';

const report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      message: z.string(),
      assertionResults: z.array(z.object({ title: z.string(), status: z.string() })),
    }),
  ),
});

export interface OutsideTest {
  readonly title: string;
  readonly status: string;
}

/**
 * Runs vitest in a package of someone else's, which has installed what is built of keyturn. `files` by their
 * path in it; the tests of each test file by its path, or why it did not load.
 */
export async function runVitestOutside(
  files: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): Promise<(file: string) => readonly OutsideTest[]> {
  const folder = await mkdtemp(join(tmpdir(), 'keyturn-outside-'));
  try {
    const installed = join(folder, 'node_modules/keyturn');
    await cp('dist', join(installed, 'dist'), { recursive: true });
    await cp('package.json', join(installed, 'package.json'));
    await symlink(resolve('node_modules/vitest'), join(folder, 'node_modules/vitest'));
    for (const [file, text] of Object.entries({ 'package.json': '{ "type": "module" }', ...files })) {
      await mkdir(resolve(folder, file, '..'), { recursive: true });
      await writeFile(join(folder, file), text);
    }
    const output = join(folder, 'report.json');
    const words = await runVitest(folder, ['--reporter=json', `--outputFile=${output}`], env);
    const text = await readFile(output, 'utf8').catch(() => {
      throw new Error(`no report of vitest: ${words}`);
    });
    const { testResults } = report.parse(JSON.parse(text));
    return (file) => {
      const result = testResults.find(({ name }) => name.endsWith(`/${file}`));
      if (result === undefined || result.assertionResults.length === 0)
        throw new Error(`no tests of ${file}: ${result?.message ?? words}`);
      return result.assertionResults;
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function runVitest(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  return new Promise((done) => {
    // It ends with 1 where a test fails.
    execFile(
      process.execPath,
      [resolve('node_modules/vitest/vitest.mjs'), 'run', '--no-file-parallelism', ...args],
      { cwd: folder, env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env } },
      (_error, stdout, stderr) => done(stdout + stderr),
    );
  });
}
