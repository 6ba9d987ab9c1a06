import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { minimalConfig, parseText } from '../support/parse-config.ts';

const readme = readFileSync('README.md', 'utf8');

describe('README', () => {
  const examples = [...readme.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = '']) => text);

  test('there is a config example', () => {
    expect(examples.length).toBeGreaterThan(0);
  });

  test.each(examples)(
    'a config example that does not load would send its reader to the source: %#',
    (text) => {
      // One that shows a part is filled up with what every config must have.
      const whole = text.startsWith('rotation:') ? text : `${JSON.stringify(minimalConfig)}\n---\n${text}`;
      const [first, part = first] = parseAllDocuments(whole).map((document) =>
        z.object({}).loose().parse(document.toJS()),
      );
      const config = JSON.stringify({ ...first, ...part });
      expect(parseText(config, { env: { DB_PASSWORD: 'secret' } }).warnings).toEqual([]);
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
