import type { Certificate } from '../rotation/certificate.ts';
import { describeExcluded } from './describe-certificate.ts';
import { nistParagraph } from './nist-words.ts';
import { oneLine } from './one-line.ts';

const blockStart = '\n```json\n';
const blockEnd = '\n```\n';

/**
 * The certificate as a page of Markdown, its verdict first and the whole certificate in a block of JSON at
 * the end. The same certificate gives the same page, byte for byte, whatever the order of its members.
 */
export function renderPage(certificate: Certificate): string {
  return `${pageText(certificate)}\n${blockStart}${JSON.stringify(certificate, null, 2)}${blockEnd}`;
}

/** The JSON in a page, and the page's own text around it; null where it has not exactly one block of JSON. */
export function splitPage(page: string): { text: string; json: string } | null {
  // Editors and mail change the ends of lines, and that of the file.
  const lines = `${page.replaceAll('\r\n', '\n').trimEnd()}\n`;
  const [text, rest, more] = lines.split(blockStart);
  if (text === undefined || rest === undefined || more !== undefined) return null;
  const end = rest.indexOf(blockEnd);
  return end < 0 ? null : { json: rest.slice(0, end), text: text + rest.slice(end + blockEnd.length) };
}

function pageText(certificate: Certificate): string {
  const { rotation, verdict, reasons, target, records, excluded, caveats } = certificate;
  const isSafe = verdict === 'safe-to-retire';
  return [
    `# ${isSafe ? 'Safe to retire' : 'Not safe to retire'}: ${escape(rotation)}`,
    `**Verdict: ${verdict}.** ` +
      (isSafe
        ? `All ${records} records were read, and every one is under version ${escape(target.versionId)} of key ${escape(target.keyId)}.`
        : `${records} records were read. Keep every older version of the key:`),
    ...(isSafe ? [] : [list(reasons)]),
    '## Versions',
    versionTable(certificate),
    '## What was read, and how',
    list(howItWasRead(certificate)),
    '## What was left out',
    excluded === null ? 'Nothing.' : escape(sentence(describeExcluded(excluded))),
    '## What this does not say',
    list(caveats),
    '## In the words of NIST SP 800-57',
    nistParagraph(verdict),
    '## By what, and when',
    facts(certificate),
    '## Signature',
    ...signatureText(certificate),
    '## The certificate',
  ].join('\n\n');
}

function versionTable({ byVersion, before, target, unreadable }: Certificate): string {
  const versions = [...new Set([...Object.keys(before ?? {}), ...Object.keys(byVersion)])].toSorted();
  const rows = versions.map((version) => [
    `${escape(version)}${version === target.versionId ? ' (target)' : ''}`,
    before === null ? 'not known' : String(countOf(before, version)),
    String(countOf(byVersion, version)),
  ]);
  if (unreadable > 0) rows.push(['unreadable', '', String(unreadable)]);
  return [
    '| version | rotated from it | records now |',
    '| --- | ---: | ---: |',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n');
}

/** A version may be named as a member that every object has. */
function countOf(counts: Readonly<Record<string, number>>, version: string): number {
  return Object.hasOwn(counts, version) ? (counts[version] ?? 0) : 0;
}

const methods: Readonly<Record<Certificate['method'], string>> = {
  kms: 'the KMS was asked about every record: it re-encrypted each to the target and named the version that opened it; the results were thrown away',
  'header+kms-sample':
    "the version was read from the header of each ciphertext that has one, and the KMS was asked about a random sample of these and about all others; 'verify --deep' asks about every record",
};

const modes: Readonly<Record<Certificate['mode'], string>> = {
  rewrap: 'rewrap: the KMS re-encrypts by itself, and no plaintext enters keyturn',
  regenerate:
    'regenerate: each envelope gets a new data key, and its payload is encrypted again within keyturn',
};

function howItWasRead({ records, method, mode, passes, startedAt, finishedAt }: Certificate): string[] {
  return [
    `${records} records of the store, each once, from ${startedAt} to ${finishedAt}`,
    methods[method],
    modes[mode],
    `passes of the rotation: ${passes ?? 'not known'}`,
  ];
}

function facts({ tool, target, configDigest, startedAt, finishedAt, audit }: Certificate): string {
  return list([
    `tool: ${tool}`,
    `target: version ${target.versionId} of key ${target.keyId}`,
    `census: ${startedAt} to ${finishedAt}`,
    `config digest: ${configDigest}`,
    `audit log: ${audit === null ? 'none' : `${audit.entries} entries, head ${audit.head}`}`,
  ]);
}

function signatureText({ signature }: Certificate): string[] {
  if (signature === null) return ['Not signed: whoever can write this file can change what it says.'];
  const { algorithm, keyId, publicKey, value } = signature;
  return [
    list([`${algorithm}, key ${keyId}`, `public key: ${publicKey}`, `signature: ${value}`]),
    'It is over the canonical form (RFC 8785) of the JSON below without its member signature. ' +
      'To check it, and this page with it, against a public key that you have from elsewhere:',
    '    keyturn verify-certificate FILE --public-key FILE',
  ];
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${escape(item)}`).join('\n');
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

/** Text from outside must not become mark-up: it could hide a line of the page, or add one. */
function escape(text: string): string {
  return oneLine(text).replaceAll(/[\\`*_[\]<>|&~#]/g, String.raw`\$&`);
}
