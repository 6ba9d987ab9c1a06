import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { minimalConfig, parseText, parseWith, problemsIn } from '../support/parse-config.ts';
import { readHostile } from '../support/hostile-vectors.ts';

const problems = z.array(z.string());
/** Pieces of the text, or a piece and how often. */
const pieces = z.array(z.union([z.string(), z.tuple([z.string(), z.int()])]));
const { texts, changes } = readHostile(
  'configs.json',
  z.strictObject({
    texts: z.array(z.strictObject({ name: z.string(), text: pieces, problems })),
    changes: z.array(z.strictObject({ name: z.string(), change: z.string(), problems })),
  }),
);

describe('a hostile config is refused in lines that say where, what and what to do, and quote nothing', () => {
  test.each(texts)('$name', ({ text, problems }) => {
    const whole = text.map((piece) => (typeof piece === 'string' ? piece : piece[0].repeat(piece[1])));
    expect(problemsIn(() => parseText(whole.join('')))).toEqual(problems);
  });

  test.each(changes)('$name', ({ change, problems }) => {
    // As text: an object would take __proto__ for its prototype.
    const changed = Object.keys(JSON.parse(change));
    const kept = Object.entries(minimalConfig).filter(([name]) => !changed.includes(name));
    const text = `${JSON.stringify(Object.fromEntries(kept)).slice(0, -1)}, ${change.slice(1)}`;
    const found = problemsIn(() => parseText(text));
    expect(found).toEqual(problems);
    expect(found.join()).not.toContain('canary');
  });

  test('brackets so deep that the parser gives up', () => {
    expect(problemsIn(() => parseText('['.repeat(5000)))).toEqual([
      expect.stringMatching(/^rotation.yaml:1:\d+: not valid YAML here; check quotes, brackets/),
    ]);
  });

  test('U+0000 may stand where an application may have put it, and in what only a module reads', () => {
    const aadContext = 'a\0{id}';
    const key = { keyId: 'abj1', aadContext };
    const format = { prefix: '\0\u0001', format: 'raw' };
    const store = { type: 'module', module: './m.js', options: { separator: '\0', half: '\ud800' } };
    const { config } = parseWith({ source: key, target: key, format, store });
    expect(config).toMatchObject({ source: key, format, store: { options: store.options } });
  });
});
