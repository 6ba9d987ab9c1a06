import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseText } from '../support/parse-config.ts';

const readme = readFileSync('README.md', 'utf8');

describe('README', () => {
  const examples = [...readme.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = '']) => text);

  test('there is a config example', () => {
    expect(examples.length).toBeGreaterThan(0);
  });

  test.each(examples)(
    'a config example that does not load would send its reader to the source: %#',
    (text) => {
      expect(parseText(text, { env: { DB_PASSWORD: 'secret' } }).warnings).toEqual([]);
    },
  );

  test('every command of the program is in it', () => {
    const main = readFileSync('src/cli/main.ts', 'utf8');
    const names = [...main.matchAll(/(?:configured\(\s*|\.command\()'([a-z-]+)'/g)].map(
      ([, name = '']) => name,
    );
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) expect(readme).toMatch(new RegExp(`[\`, ]${name}[\`, \\[]`));
  });
});
