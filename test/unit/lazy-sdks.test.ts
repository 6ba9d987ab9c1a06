import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';

const { optionalDependencies } = z
  .object({ optionalDependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync('package.json', 'utf8')));

/** Ours hold back what another of them would bring: newer ones refuse Node 20, which then has neither. */
const heldBack = ['@fastify/static'];
const loaded = Object.keys(optionalDependencies).filter((name) => !heldBack.includes(name));

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(join('src', file), 'utf8') }));

/** Packages and files that are loaded with this file, whether or not they are used. */
function importedWith(text: string): string[] {
  const statements = text.matchAll(/^(?:import|export)\s(?!type\b)[^;]*?from '([^']+)'/gm);
  return [...statements].map(([, specifier = '']) => specifier);
}

test.each(loaded)('%s is loaded by those alone who use it', (name) => {
  expect(files.some(({ text }) => text.includes(`import('${name}')`))).toBe(true);
  expect(files.filter(({ text }) => importedWith(text).includes(name)).map(({ file }) => file)).toEqual([]);
});

test('the code of a KMS or a store is loaded when the config names it', () => {
  const adapters = /\/(?:stores\/(?:postgres|s3|module)\.ts|kms\/(?:yandex|vault)\/client\.ts)$/;
  const opening = files.filter(({ file }) => /^cli\/open-(?:store|key-service|rotation)\.ts$/.test(file));
  expect(opening).toHaveLength(3);
  for (const { file, text } of opening)
    expect(
      importedWith(text).filter((specifier) => adapters.test(specifier)),
      file,
    ).toEqual([]);
});
