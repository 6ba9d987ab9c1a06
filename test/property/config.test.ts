import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { settings } from '../../src/config/settings.ts';
import { Fault } from '../../src/rotation/faults.ts';
import { minimalConfig, parseText, parseWith, tableOf } from '../support/parse-config.ts';
import { runs } from '../support/property-runs.ts';

const canary = 'canaryX7';

function outcomeOf(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    return error;
  }
}

describe('config', () => {
  test('rubbish anywhere is refused as CONFIG_INVALID, without a word of it', () => {
    const rubbish = fc.oneof(
      fc.constantFrom(
        canary,
        `postgres://u:${canary}@`,
        `redis://:${canary}#@h`,
        `\${${canary}-}`,
        `{${canary}`,
        `/${canary}~`,
      ),
      fc.string({ unit: 'binary' }).map((text) => `${canary}${text}`),
      fc.constantFrom<unknown>(null, true, -1, 1e21, [], {}, [canary], { [`${canary}!`]: canary }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...settings.values()), rubbish, ({ path }, value) => {
        const changed = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
        const outcome = outcomeOf(() => parseText(JSON.stringify({ ...minimalConfig, ...Object(changed) })));
        if (!(outcome instanceof Error)) return;
        expect(outcome).toBeInstanceOf(Fault);
        expect(outcome).toMatchObject({ code: 'CONFIG_INVALID' });
        expect(outcome.message).not.toContain(canary);
        for (const line of outcome.message.split('\n').slice(1)) expect(line).toMatch(/^\S.*: .+/);
      }),
      runs(100),
    );
  });

  test('rubbish instead of YAML is refused as CONFIG_INVALID, without a word of it', () => {
    const piece = fc.constantFrom(
      // No name, so that it is not repeated as an unknown key either.
      `t1.${canary}`,
      ...'{ } [ ] : , & * ! | > \' " % @ ` # - ? \\ $ ~'.split(' '),
      ' ',
      '\n',
      '\t',
      ': ',
      '- ',
      '\n  ',
      '<<',
      '---\n',
      '%YAML 9\n',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const outcome = outcomeOf(() => parseText(pieces.join('')));
        expect(outcome).toBeInstanceOf(Fault);
        expect(outcome).toMatchObject({
          code: 'CONFIG_INVALID',
          message: expect.not.stringContaining(canary),
        });
      }),
      runs(200),
    );
  });

  test('any text comes through a variable unchanged', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), (text, around) => {
        const before = around.replaceAll('${', () => '$${');
        const store = { ...minimalConfig.store, table: `${before}.\${TABLE}.` };
        const { config } = parseWith({ store }, { env: { TABLE: text } });
        expect(tableOf(config).table).toBe(`${around}.${text}.`);
      }),
      runs(),
    );
  });
});
