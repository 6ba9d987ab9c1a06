import { resolve } from 'node:path';
import { z } from 'zod';

/** Text that may not be empty. */
export const text = z.string().min(1);

/** Text that can stand in the header of an HTTP request, as a token does. */
export const headerText = text.regex(
  /^[!-~]*$/,
  'holds blanks or other characters that no token has; give the token alone',
);

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const maxDurationMs = 24 * 3_600_000;
const durationSyntax = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/;

/**
 * `200ms`, `10s`, `5m`, `1h`, as milliseconds.
 * A number without a unit is refused: it would be read both ways.
 */
export const duration = z
  .string({
    error: ({ input }) =>
      typeof input === 'number' ? 'is a number without a unit; write for example 10s or 200ms' : undefined,
  })
  .regex(durationSyntax, 'is not a duration; write for example 200ms, 10s, 5m or 1h')
  .transform((value, context) => {
    const [, amount = '', unit = ''] = durationSyntax.exec(value) ?? [];
    const durationMs = Math.round(Number(amount) * (unitMs[unit] ?? Number.NaN));
    if (durationMs >= 1 && durationMs <= maxDurationMs) return durationMs;
    context.addIssue('is out of range; give 1ms to 24h');
    return z.NEVER;
  });

/** A path of a file, made absolute from the folder that the config file is in. */
export function filePath(directory: string) {
  return text.transform((path) => resolve(directory, path));
}

/** The URL of an HTTP service, without a slash at the end. */
export const httpUrl = text.transform((value, context) => {
  const problem = urlProblem(value, ['http', 'https']);
  if (problem === null) {
    const url = new URL(value);
    if (url.username === '' && url.password === '' && url.search === '') return value.replace(/\/+$/, '');
  }
  context.addIssue(problem ?? 'holds a user, a password or a query; give scheme, host, port and path alone');
  return z.NEVER;
});

/**
 * What is wrong with a URL, in words that never repeat it, since it may hold a password; null if nothing is.
 * A password with unescaped `/`, `#` or `?` can make a URL that is valid, but names another host.
 */
export function urlProblem(value: string, schemes: readonly string[]): string | null {
  if (!schemes.some((scheme) => value.startsWith(`${scheme}://`))) {
    return `must begin with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}; give such a URL`;
  }
  const url = parseUrl(value);
  if (url === null) {
    return 'is not a valid URL; write @ : / ? # % and blanks in its parts as %40 %3A %2F %3F %23 %25 %20';
  }
  return url.hostname === '' && !url.searchParams.has('host') ? 'names no host; give one' : null;
}

function parseUrl(value: string): URL | null {
  try {
    const url = new URL(value);
    // Clients decode these parts, and would fail on a % that is none of an escape.
    [url.username, url.password, url.pathname].forEach(decodeURIComponent);
    const isWhole = url.hash === '' && !`${url.pathname}${url.search}`.includes('@') && !/\s/.test(value);
    return isWhole ? url : null;
  } catch {
    return null;
  }
}
