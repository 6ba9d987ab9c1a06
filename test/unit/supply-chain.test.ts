import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';

const lockFile = z.object({
  packages: z.record(
    z.string(),
    z.object({
      integrity: z.string().optional(),
      hasInstallScript: z.boolean().optional(),
      optional: z.boolean().optional(),
      dev: z.boolean().optional(),
    }),
  ),
});
const packages = Object.entries(
  lockFile.parse(JSON.parse(readFileSync('package-lock.json', 'utf8'))).packages,
).filter(([place]) => place !== '');

test('a package that the lock file does not pin by its digest could be another one tomorrow', () => {
  expect(packages.length).toBeGreaterThan(100);
  const loose = packages.filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''));
  expect(loose.map(([place]) => place)).toEqual([]);
});

test('a package that needs its install script would be broken here: none of them is run', () => {
  const needed = packages.filter(([, { hasInstallScript, optional }]) => hasInstallScript && !optional);
  expect(needed.map(([place]) => place)).toEqual([]);
});
