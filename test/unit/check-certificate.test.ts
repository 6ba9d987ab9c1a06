import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { describeKey } from '../../src/cli/certificate-key.ts';
import { renderPage } from '../../src/cli/certificate-page.ts';
import { checkCertificate } from '../../src/cli/check-certificate.ts';
import { signCertificate, signedBytes } from '../../src/cli/sign-certificate.ts';
import { certify } from '../../src/rotation/certificate.ts';
import { safeParts } from '../support/certificate-parts.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const certificate = signCertificate(
  certify({
    ...safeParts,
    census: { ...safeParts.census, byVersion: { v1: 10, v2: 990 }, unreadable: 0 },
    excluded: { what: 'rows where größer than 1 \ufffd', records: 10, exact: true },
    before: { v0: 100, v1: 1 },
    audit: { head: 'ab12', entries: 7 },
  }),
  privateKey,
);
const json = JSON.stringify(certificate, null, 2);
const page = renderPage(certificate);

function check(text: string | Uint8Array, key = publicKey): string {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  return checkCertificate(bytes, key, certificate.tool).kind;
}

/** The object with the members of each object in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).toReversed();
  return Object.fromEntries(members.map(([name, member]) => [name, reversed(member)]));
}

/** Each value within `value`, by the way to it. */
function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const within = Object.entries(value).flatMap(([name, member]) => pathsOf(member, [...path, name]));
  return path.length === 0 ? within : [path, ...within];
}

/** A copy with another member at the end of `path`, or none. */
function changed(
  value: unknown,
  [name, ...rest]: readonly string[],
  change: (old: unknown) => unknown,
): unknown {
  if (name === undefined) return change(value);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, member]): [string, unknown][] => {
    const next = key === name ? changed(member, rest, change) : member;
    return next === undefined ? [] : [[key, next]];
  });
  return Array.isArray(value) ? entries.map(([, member]) => member) : Object.fromEntries(entries);
}

function editsOf(bytes: Buffer, place: number): Buffer[] {
  const [head, tail] = [bytes.subarray(0, place), bytes.subarray(place + 1)];
  const old = bytes[place] ?? 0;
  return [
    Buffer.concat([head, Buffer.of(old ^ 1), tail]),
    Buffer.concat([head, tail]),
    Buffer.concat([head, Buffer.from('0'), bytes.subarray(place)]),
  ];
}

describe('a certificate that was changed is told', () => {
  test('as it was written, and as a page, it is genuine', () => {
    expect(check(json)).toBe('genuine');
    expect(check(page)).toBe('genuine');
  });

  test('order of members and white space are no change: mail and editors alter them', () => {
    expect(check(JSON.stringify(reversed(certificate)))).toBe('genuine');
    expect(check(JSON.stringify(certificate, null, '\t').replaceAll('\n', '\r\n'))).toBe('genuine');
    const reordered = page.replace(json, JSON.stringify(reversed(certificate), null, 1));
    expect(check(reordered.trimEnd().replaceAll('\n', '\r\n'))).toBe('genuine');
  });

  test('every edit of one byte of the JSON is found, but for white space', () => {
    const bytes = Buffer.from(json);
    const unseen = Array.from(bytes, (_, place) => editsOf(bytes, place))
      .flat()
      .filter((edit) => check(edit) === 'genuine');
    // Pretty printing has white space to take away; what is left says the very same.
    expect(unseen.length).toBeGreaterThan(0);
    for (const edit of unseen) expect(JSON.parse(edit.toString())).toEqual(certificate);
  });

  test.each(pathsOf(certificate).map((path) => [path.join('.'), path] as const))(
    'without %s, or with another value there, it is not genuine',
    (_name, path) => {
      const others = [undefined, null, 0, 1001, '', 'safe-to-retire', true, [], {}];
      for (const other of others) {
        const edit = changed(certificate, path, (old) => (old === other ? 'other' : other));
        expect(check(JSON.stringify(edit))).not.toBe('genuine');
      }
    },
  );

  test.each([
    ['a member more', json.replace('{', '{ "note": 1,')],
    ['a member more in the signature', json.replace('"algorithm"', '"note": 1, "algorithm"')],
    ['a verdict before the verdict', json.replace('{', '{ "verdict": "not-safe",')],
    ['a version twice', json.replace('"v1": 10', '"v1": 0, "v1": 10')],
    ['a number that readers round', json.replace('"records": 1000', '"records": 1000.00000000000000001')],
    ['a negative zero', json.replace('"unreadable": 0', '"unreadable": -0')],
    [
      'bits to spare in the signature',
      json.replace(/(.)==("\s*\})/, (_, last, end) => `${after(last)}==${end}`),
    ],
  ])('with %s it is not genuine', (_what, edit) => {
    expect(edit).not.toBe(json);
    expect(check(edit)).not.toBe('genuine');
  });

  test('the signature of another certificate of the same key does not fit', () => {
    const other = signCertificate({ ...certificate, records: 999 }, privateKey);
    expect(check(JSON.stringify({ ...certificate, signature: other.signature }))).toBe('changed');
  });

  test('another key is told from a change, and one that only claims to be ours is a change', () => {
    const stranger = generateKeyPairSync('ed25519');
    expect(check(json, stranger.publicKey)).toBe('otherKey');
    const forged = signCertificate(certificate, stranger.privateKey);
    expect(check(JSON.stringify(forged))).toBe('otherKey');
    const signature = { ...forged.signature, ...describeKey(publicKey) };
    expect(check(JSON.stringify({ ...forged, signature }))).toBe('changed');
  });

  test('one without a signature is unsigned, whether the member is null or missing', () => {
    const { signature: _, ...unsigned } = certificate;
    expect(check(JSON.stringify(unsigned))).toBe('unsigned');
    expect(check(JSON.stringify({ ...unsigned, signature: null }))).toBe('unsigned');
    expect(check(renderPage({ ...certificate, signature: null }))).toBe('unsigned');
  });

  test('something else that the key signed is no certificate', () => {
    const letter = { verdict: 'safe-to-retire' };
    const value = sign(null, signedBytes(letter), privateKey).toString('base64');
    const signature = { algorithm: 'Ed25519', ...describeKey(publicKey), value };
    expect(check(JSON.stringify({ ...letter, signature }))).toBe('noCertificate');
  });

  test.each([
    ['nothing', ''],
    ['an empty object', '{}'],
    ['no object', '[]'],
    ['text', 'safe-to-retire'],
    ['half of it', json.slice(0, json.length / 2)],
    ['what never ends', '{"a":'.repeat(100_000)],
    ['deep nesting', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['comments', json.replace('{', '{ // safe\n')],
    ['two of them', json + json],
    ['bytes that are no UTF-8', Buffer.from(json.replace('größer', 'gr\u00fc'), 'latin1')],
  ])('%s is no certificate, and nothing falls over', (_what, text) => {
    expect(check(text)).toBe('noCertificate');
  });
});

describe('a page that was changed is told', () => {
  test('every edit of one byte of its text is found, though its JSON is genuine', () => {
    const text = Buffer.from(page).subarray(0, Buffer.from(page.split('```json')[0] ?? '').length);
    const rest = Buffer.from(page).subarray(text.length);
    for (let place = 0; place < text.length; place += 1) {
      const [edit = text] = editsOf(text, place);
      expect(check(Buffer.concat([edit, rest]))).not.toBe('genuine');
    }
  });

  test.each([
    ['text after the JSON', `${page}All is well.\n`],
    ['a second block', page + page],
    ['no block', page.replace('```json', '```')],
    ['another verdict in the JSON', page.replace('"verdict": "not-safe"', '"verdict": "safe-to-retire"')],
    ['the JSON of another certificate', page.replace(json, JSON.stringify(certify(safeParts), null, 2))],
  ])('with %s it is not genuine', (_what, edit) => {
    expect(edit).not.toBe(page);
    expect(check(edit)).not.toBe('genuine');
  });

  test('a page of another version of keyturn is not called genuine, and it says how to check it', () => {
    const edited = page.replace('Not safe', 'Quite safe');
    const now = checkCertificate(Buffer.from(edited), publicKey, 'keyturn 9.0.0');
    expect(now).toMatchObject({ kind: 'changed', why: expect.stringContaining(certificate.tool) });
  });
});

/** The next letter of base64, which differs in the last bit alone. */
function after(letter: string): string {
  return String.fromCharCode(letter.charCodeAt(0) + 1);
}
