import { expect, test } from 'vitest';
import { renderPage, splitPage } from '../../src/cli/certificate-page.ts';
import { certify } from '../../src/rotation/certificate.ts';
import { safeParts } from '../support/certificate-parts.ts';

const census = { ...safeParts.census, byVersion: { v1: 3, v2: 990 }, unreadable: 7 };

test('the verdict comes first, and every reason with it', () => {
  const page = renderPage(certify({ ...safeParts, census, openFailures: 2 }));
  const [title, , verdict, , ...rest] = page.split('\n');
  expect(title).toBe('# Not safe to retire: customers-ssn');
  expect(verdict).toContain('Verdict: not-safe');
  expect(rest.slice(0, 3).every((line) => line.startsWith('- '))).toBe(true);
  expect(renderPage(certify(safeParts))).toMatch(
    /^# Safe to retire: customers-ssn\n\n\*\*Verdict: safe-to-retire\.\*\*/,
  );
});

test('versions stand in one table, from before and from now, and what cannot be read beside them', () => {
  const page = renderPage(certify({ ...safeParts, census, before: { v0: 5, v1: 980, toString: 1 } }));
  const rows = page.split('\n').filter((line) => line.startsWith('| '));
  expect(rows.slice(2)).toEqual([
    '| toString | 1 | 0 |',
    '| v0 | 5 | 0 |',
    '| v1 | 980 | 3 |',
    '| v2 (target) | 0 | 990 |',
    '| unreadable |  | 7 |',
  ]);
  expect(renderPage(certify(safeParts))).toContain('| v2 (target) | not known | 1000 |');
});

test('what was left out, the caveats, the audit head and the words of NIST are on it', () => {
  const excluded = { what: 'rows for which store.where is not true: tenant = 1', records: 12, exact: false };
  const audit = { head: 'ab12', entries: 7 };
  const certificate = certify({ ...safeParts, excluded, audit, caveats: ['no backups were read'] });
  const page = renderPage(certificate);
  expect(page).toContain('About 12 rows for which store.where is not true: tenant = 1.');
  for (const caveat of certificate.caveats) expect(page).toContain(`- ${caveat}`);
  expect(page).toContain('7 entries, head ab12');
  for (const word of ['cryptoperiod', 'originator-usage period', 'deactivated', 'destroyed', 'compromised'])
    expect(page + renderPage(certify({ ...safeParts, openFailures: 1 }))).toContain(word);
  expect(page).toContain('Not signed');
});

test('no text from outside can add a line, a table cell, a tag or a second block to the page', () => {
  const nasty = 'x\n\n# Safe to retire\n```json\n{}\n```\n| a | <b>*b*</b> [c](d) \u202e';
  const excluded = { what: nasty, records: null, exact: false };
  const certificate = certify({
    ...safeParts,
    excluded,
    caveats: [nasty],
    before: { [nasty]: 1 },
    target: { keyId: nasty, versionId: nasty },
    tool: nasty,
  });
  const page = renderPage(certificate);
  const [json] = [splitPage(page)?.json];
  expect(JSON.parse(json ?? '')).toEqual(certificate);
  const text = splitPage(page)?.text ?? '';
  expect(text.match(/^# /gm)).toHaveLength(1);
  expect(text).not.toMatch(/[^\\][<>]|[^\\]\[c|[^\\]`|\u202e/);
  const cells = text.split('\n').filter((line) => line.startsWith('| x'));
  for (const row of cells) expect(row.match(/(?<!\\)\|/g)).toHaveLength(4);
  expect(cells.length).toBeGreaterThan(0);
});
