import { describe, expect, test } from 'vitest';
import { minimalConfig, parseText, parseWith, problemsWith, tableOf } from '../support/parse-config.ts';

const { kms, store } = minimalConfig;

function urlWith(url: string, world: Parameters<typeof parseWith>[1]): string {
  return tableOf(parseWith({ store: { ...store, url } }, world).config).url;
}

describe('placeholders', () => {
  test('a variable and a file may stand in one string, and the file is trimmed', () => {
    const world = { env: { DB_HOST: 'db.example' }, files: { '/run/secrets/pw': '\n s3cret \r\n' } };
    expect(urlWith('postgres://app:${file:/run/secrets/pw}@${DB_HOST}:5433/app', world)).toBe(
      'postgres://app:s3cret@db.example:5433/app',
    );
  });

  test('in a list too', () => {
    const { config } = parseWith({ store: { ...store, key: ['${A}', 'b'] } }, { env: { A: 'tenant' } });
    expect(tableOf(config).key).toEqual(['tenant', 'b']);
  });

  test('unquoted in YAML', () => {
    const text =
      'limits:\n  rate: ${RATE}\n' +
      JSON.stringify(minimalConfig)
        .slice(1, -1)
        .split(/,(?="(?:kms|source|target|store|format)":)/)
        .join('\n')
        .replaceAll(/^"(\w+)":/gm, '$1: ');
    expect(parseText(text, { env: { RATE: '12.5' } }).config.limits.rate).toBe(12.5);
  });

  test.each(['none', '7'])('text becomes what the schema wants: rate %s', (rate) => {
    const { config } = parseWith({ limits: { rate: '${RATE}' } }, { env: { RATE: rate } });
    expect(config.limits.rate).toBe(rate === 'none' ? null : 7);
  });

  test('a number or boolean is no other for having come as text', () => {
    const env = { PORT: '0', YES: 'true' };
    const { config } = parseWith(
      { metrics: { port: '${PORT}' }, kms: { provider: 'yandex', auth: { metadata: '${YES}' } } },
      { env },
    );
    expect(config.metrics?.port).toBe(0);
    expect(config.kms.auth.kind).toBe('metadata');
  });

  test('$${ is a literal ${, and what comes in is not looked through again', () => {
    const where = "a = '$${A}' and b = '${A}' and c = '$${'";
    const { config } = parseWith({ store: { ...store, where } }, { env: { A: '${B}$&' } });
    expect(tableOf(config).where).toBe("a = '${A}' and b = '${B}$&' and c = '${'");
  });

  test('each missing one is named with its place, and its value is not complained of as well', () => {
    expect(
      problemsWith({
        kms: { ...kms, auth: { iamToken: '${file:/run/token}' } },
        limits: { rate: '${RATE}' },
        store: { ...store, url: '${DB_URL}', key: ['${KEY}'] },
      }),
    ).toEqual([
      'kms.auth.iamToken: file /run/token cannot be read (ENOENT); create it or mend the path',
      'store.url: environment variable DB_URL is not set; set it',
      'store.key[0]: environment variable KEY is not set; set it',
      'limits.rate: environment variable RATE is not set; set it',
    ]);
  });

  test.each(['can${ary', '${can-ary}', '${}', '${can', '${toString}'])('%s is refused', (iamToken) => {
    const problems = problemsWith({ kms: { ...kms, auth: { iamToken } } });
    expect(problems).toEqual([
      expect.stringMatching(
        /^kms.auth.iamToken: (holds a malformed placeholder|environment variable toString)/,
      ),
    ]);
    expect(problems.join()).not.toMatch(/can|ary/);
  });
});
