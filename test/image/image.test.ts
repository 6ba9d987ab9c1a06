import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { toolVersion } from '../../src/cli/tool-version.ts';
import { baseImageNames, makeBaseImages } from '../support/image/base-images.ts';
import { createImageStore } from '../support/image/image-store.ts';
import { runConfined } from '../support/image/run-confined.ts';

const folder = mkdtempSync(join(tmpdir(), 'keyturn-image-'));
const store = createImageStore(folder);
const image = 'localhost/keyturn:test';
const revision = '0123456789abcdef0123456789abcdef01234567';
const { optionalDependencies } = z
  .object({ optionalDependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync('package.json', 'utf8')));
let root: string;

beforeAll(() => {
  const parts = join(folder, 'parts');
  mkdirSync(parts);
  makeBaseImages(store, parts);
  expect(store.build(image, { VERSION: toolVersion(), REVISION: revision })).toBeNull();
  root = store.mount(image);
});
afterAll(() => store.remove());

test('a container that needs to write to its root, or to be root, would not start in a cluster', () => {
  const { Entrypoint: entrypoint } = store.inspect(image);
  const { code, stdout, stderr } = runConfined(root, [...entrypoint, 'demo', '--records', '500', '--json']);
  expect(stderr).toContain('100 of the records decrypt');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ rotated: 500, certificate: { verdict: 'safe-to-retire' } });
});

test('a run that is less confined than in a cluster would prove nothing', () => {
  const attempt = `
    const { appendFileSync, readFileSync } = require('node:fs');
    const write = (file) => { try { appendFileSync(file, ''); return 'written'; } catch ({ code }) { return code; } };
    const [, rights] = /CapEff:\\s*(\\S+)/.exec(readFileSync('/proc/self/status', 'utf8'));
    console.log(JSON.stringify({ root: write('/x'), app: write('/app/x'), tmp: write('/tmp/x'),
      user: process.getuid(), rights: Number(rights), node: process.versions.node.split('.')[0] }));`;
  const { stdout } = runConfined(root, ['/nodejs/bin/node', '-e', attempt]);
  expect(JSON.parse(stdout)).toEqual({
    root: 'EROFS',
    app: 'EROFS',
    tmp: 'written',
    user: 65532,
    rights: 0,
    node: '24',
  });
});

test('an image that does not say what it is, or runs as root where nobody says otherwise', () => {
  expect(store.inspect(image)).toMatchObject({
    User: '65532:65532',
    Entrypoint: ['/nodejs/bin/node', '/app/dist/cli/main.js'],
    Labels: {
      'org.opencontainers.image.title': 'keyturn',
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': toolVersion(),
      'org.opencontainers.image.revision': revision,
      'org.opencontainers.image.base.name': baseImageNames().runtime,
    },
  });
});

test('what the program does not need would only be there for an intruder', () => {
  for (const needless of [
    'bin/sh',
    'usr/local/bin/npm',
    'app/src',
    'app/test',
    'app/node_modules/vitest',
    'app/node_modules/typescript',
    'app/node_modules/@typescript',
  ])
    expect(existsSync(join(root, needless)), needless).toBe(false);
  expect(readdirSync(join(root, 'app')).toSorted((a, b) => a.localeCompare(b))).toEqual([
    'dist',
    'LICENSE',
    'node_modules',
    'package.json',
  ]);
});

test.each(Object.keys(optionalDependencies))(
  'what needs %s, an optional package, would be refused',
  (name) => {
    expect(existsSync(join(root, 'app/node_modules', name))).toBe(true);
  },
);

test('an image that grows unseen takes long to start on each node', () => {
  const megabytes = (path: string): number =>
    Number(execFileSync('du', ['-sm', join(root, path)], { encoding: 'utf8' }).split('\t')[0]);
  const [whole, app] = [megabytes('.'), megabytes('app')];
  process.stdout.write(`image: ${whole} MB, of which ${app} MB are keyturn and its packages\n`);
  expect(app).toBeLessThan(160);
});

test('a digest that is given and not asked for would build on whatever the tag is today', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const names = baseImageNames();
  const refusals = [
    [names.build, store.build('localhost/keyturn:pinned', { BUILD_DIGEST: digest })],
    [names.runtime, store.build('localhost/keyturn:pinned', { RUNTIME_DIGEST: digest })],
  ] as const;
  // There is no such image here, so that the build ends as it looks for it; it leaves out the tag.
  for (const [name, refusal] of refusals)
    expect(refusal).toContain(`${name.replace(/:[^:/]*$/, '')}@${digest}`);
});
