import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runVitestOutside } from '../support/outside-package.ts';

const source = (file: string): string => readFileSync(`test/support/jsonl-store/${file}`, 'utf8');

/** The example store and its test, in a folder of theirs, the store's text changed. */
function copyOf(folder: string, change: (text: string) => string): Record<string, string> {
  const files = ['file-lock.js', 'fixture.js', 'my-store.test.js'];
  return {
    [`${folder}/my-store.js`]: change(source('my-store.js')),
    ...Object.fromEntries(files.map((file) => [`${folder}/${file}`, source(file)])),
  };
}

test('an adapter’s author can run the contract suite, and it tells which rule is broken', async () => {
  const comparison = 'if (!Buffer.from(record.value).equals(oldValue)) continue;';
  expect(source('my-store.js')).toContain(comparison);
  const testsOf = await runVitestOutside({
    ...copyOf('sound', (text) => text),
    ...copyOf('overwriting', (text) => text.replace(comparison, '')),
  });

  const sound = testsOf('sound/my-store.test.js');
  expect(sound.length).toBeGreaterThan(30);
  expect(sound.filter(({ status }) => status !== 'passed')).toEqual([]);

  const broken = testsOf('overwriting/my-store.test.js').filter(({ status }) => status === 'failed');
  expect(broken.map(({ title }) => title)).toEqual(
    expect.arrayContaining([
      expect.stringContaining('keeps what the application wrote since it was read'),
      'of two changes to one record in a call exactly one is made',
      'a second try after a lost reply changes nothing',
    ]),
  );
});
