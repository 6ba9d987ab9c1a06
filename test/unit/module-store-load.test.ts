import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openModuleStore } from '../../src/stores/module.ts';

const canary = 'canary-of-options';
const methods = `async *scan() {}, async read() { return []; }, async replace() { return []; },
  async count() { return { records: 7, exact: true }; }, async close() {}`;
const good = `export default (context) => ({ ${methods} });`;
const goodCommonJs = `module.exports = () => ({ ${methods} });`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyturn-modules-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function plant(file: string, text: string): string {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function plantPackage(name: string, manifest: object, file: string, text: string): void {
  plant(`node_modules/${name}/package.json`, JSON.stringify({ name, ...manifest }));
  plant(`node_modules/${name}/${file}`, text);
}

function open(module: string) {
  return openModuleStore({
    module,
    directory: folder,
    options: { token: canary },
    fields: [],
    readOnly: false,
  });
}

async function messageOf(module: string): Promise<string> {
  const fault: unknown = await open(module).catch((error: unknown) => error);
  expect(fault).toMatchObject({ name: 'Fault', faultClass: 'usage', code: 'BAD_STORE_MODULE' });
  const message = fault instanceof Error ? fault.message : '';
  expect(message).toContain(`store module ${module}`);
  expect(message).not.toContain(canary);
  return message;
}

describe('a store module is found', () => {
  test('by a path from the folder of the config', async () => {
    plant('stores/esm.mjs', good);
    expect(await (await open('./stores/esm.mjs')).check()).toBe('module ./stores/esm.mjs, 7 records');
  });

  test('by an absolute path and by a file URL', async () => {
    const path = plant('a folder/absolute.mjs', good);
    await expect(open(path)).resolves.toBeDefined();
    await expect(open(pathToFileURL(path).href)).resolves.toBeDefined();
  });

  test('as CommonJS, also compiled from an ES module', async () => {
    plant('plain.cjs', goodCommonJs);
    plant('compiled.cjs', `exports.__esModule = true; exports.default = () => ({ ${methods} });`);
    await expect(open('./plain.cjs')).resolves.toBeDefined();
    await expect(open('./compiled.cjs')).resolves.toBeDefined();
  });

  test.each([
    ['a CommonJS package', { main: 'main.js' }, 'main.js', goodCommonJs],
    ['an ES package', { type: 'module', exports: './main.js' }, 'main.js', good],
    ['a package for import alone', { exports: { '.': { import: './main.mjs' } } }, 'main.mjs', good],
  ])('as %s installed beside the config', async (title, manifest, file, text) => {
    const name = `@acme/${title.replaceAll(' ', '-')}`.toLowerCase();
    plantPackage(name, manifest, file, text);
    await expect(open(name)).resolves.toBeDefined();
    expect(await messageOf(`${name}/not-exported.js`)).toMatch(
      /cannot be found|does not load: Package subpath/,
    );
  });
});

test('the module gets all that it needs to open its store', async () => {
  plant(
    'context.mjs',
    `export default ({ options, directory, fields, readOnly, Fault }) => ({
      ${methods},
      check: () => [options.token.length, directory, fields, readOnly, Fault.name].join(' '),
      caveats: ['backups'],
    });`,
  );
  const store = await openModuleStore({
    module: './context.mjs',
    directory: folder,
    options: { token: 'four' },
    fields: ['tenant', 'id'],
    readOnly: true,
  });
  expect(await store.check()).toBe(`4 ${folder} tenant,id true Fault`);
  expect(store.caveats).toEqual(['backups']);
});

describe('a module that cannot be a store is refused in words', () => {
  test.each(['./nowhere.mjs', 'no-such-package', '/nowhere/at/all.mjs', 'file:///nowhere/at/all.mjs', ''])(
    'not found: %j',
    async (module) => {
      const message = await messageOf(module);
      expect(message).toContain(`cannot be found from ${folder}`);
      expect(message).toContain('begins with ./');
    },
  );

  test('a file URL of another host', async () => {
    expect(await messageOf('file://host/x.mjs')).toContain('ERR_INVALID_FILE_URL_HOST');
  });

  test.each([
    ['needs-package.cjs', `require('not-installed-here')`, `Cannot find module 'not-installed-here'`],
    ['throws.mjs', `\nthrow new TypeError('${canary}')`, 'does not load: TypeError at throws.mjs:2:7'],
    ['throws-null.mjs', `throw null`, 'does not load: a thrown null'],
    ['no-default.mjs', `export const openStore = () => 1`, 'has no function as its default export'],
    ['default-object.mjs', `export default {}`, 'has no function as its default export'],
    ['default-class.mjs', `export default 'openStore'`, 'has no function as its default export'],
    ['gives-nothing.mjs', `export default () => {}`, 'gives no store'],
    ['gives-null.mjs', `export default async () => null`, 'gives no store'],
    ['lacks-replace.mjs', good.replace('async replace', 'async change'), 'without the method replace()'],
    ['lacks-close.mjs', good.replace('async close() {}', ''), 'without the method close()'],
    ['caveats.mjs', good.replace('({', `({ caveats: 'none',`), 'caveats are no array of strings'],
  ])('%s', async (file, text, words) => {
    plant(file, text);
    expect(await messageOf(`./${file}`)).toContain(words);
  });

  test('one that is no JavaScript', async () => {
    plant('syntax.cjs', `const token = '${canary}' '${canary}';`);
    expect(await messageOf('./syntax.cjs')).toContain('does not load: ');
  });
});

describe('what the default export throws', () => {
  test.each([
    [`new Fault('usage', 'BAD_OPTIONS', 'name the url')`, 'usage', 'BAD_OPTIONS'],
    [`new Fault('rotation', 'STORE_DENIED', 'no right')`, 'rotation', 'STORE_DENIED'],
    [`Object.assign(new Error(options.token), { code: 'ECONNREFUSED' })`, 'transient', 'STORE_ERROR'],
  ])('%s is %s', async (thrown, faultClass, code) => {
    const file = plant(`throws-${code}.mjs`, `export default ({ options, Fault }) => { throw ${thrown}; }`);
    const fault: unknown = await open(file).catch((error: unknown) => error);
    expect(fault).toMatchObject({ faultClass, code });
    expect(fault).not.toMatchObject({ message: expect.stringContaining(canary) });
  });
});
