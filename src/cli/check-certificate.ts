import { verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { Certificate, CertificateSignature } from '../rotation/certificate.ts';
import { describeKey } from './certificate-key.ts';
import { renderPage, splitPage } from './certificate-page.ts';
import { signedBytes } from './sign-certificate.ts';
import { parseUnambiguously } from './unambiguous-json.ts';

/** `why` is for the user, in words that follow the file's name. */
export type CertificateCheck =
  | { readonly kind: 'genuine'; readonly certificate: Certificate }
  | {
      readonly kind: 'changed' | 'unsigned' | 'otherKey' | 'noCertificate';
      readonly why: string;
    };

/**
 * Whether a certificate, as JSON or as a page of Markdown, is exactly what the owner of the key signed. White
 * space and the order of members in JSON may differ; in a page the text must be what the JSON gives, too.
 * `tool` is this keyturn, which can make the pages of its own version alone.
 */
export function checkCertificate(bytes: Uint8Array, publicKey: KeyObject, tool: string): CertificateCheck {
  const text = decodeUtf8(bytes);
  if (text === null) return noCertificate;
  const isJson = text.trimStart().startsWith('{');
  const page = isJson ? null : splitPage(text);
  const json = isJson ? text : page?.json;
  const document = json === undefined ? null : parseUnambiguously(json);
  if (document === null) return noCertificate;
  const check = checkDocument(document, publicKey);
  return check.kind === 'genuine' && page !== null ? checkPage(check, page.text, tool) : check;
}

const noCertificate = {
  kind: 'noCertificate',
  why: 'is no certificate of keyturn, or no longer one',
} as const;

function checkDocument(document: object, publicKey: KeyObject): CertificateCheck {
  const signature = 'signature' in document ? document.signature : null;
  if (signature === null) {
    if (!isCertificate(document)) return noCertificate;
    return { kind: 'unsigned', why: 'is not signed, so nothing shows whether it was changed' };
  }
  const checked = signatureSchema.safeParse(signature).data;
  if (checked === undefined) return { kind: 'changed', why: 'was changed: its signature is none of keyturn' };
  const key = describeKey(publicKey);
  if (checked.publicKey !== key.publicKey) {
    return {
      kind: 'otherKey',
      why: `names another key than the one given, which is ${key.keyId}`,
    };
  }
  if (checked.keyId !== key.keyId || !isValid(document, checked, publicKey))
    return { kind: 'changed', why: 'was changed: its signature does not fit what it says' };
  return isCertificate(document) ? { kind: 'genuine', certificate: document } : noCertificate;
}

function isValid(document: object, { value }: CertificateSignature, publicKey: KeyObject): boolean {
  const signature = Buffer.from(value, 'base64');
  // Base64 of 64 bytes has bits to spare: other text may mean the same bytes, and is an edit all the same.
  if (signature.toString('base64') !== value) return false;
  try {
    return verify(null, signedBytes(document), publicKey, signature);
  } catch {
    // What has no canonical form was never signed.
    return false;
  }
}

function checkPage(
  genuine: { kind: 'genuine'; certificate: Certificate },
  text: string,
  tool: string,
): CertificateCheck {
  const { certificate } = genuine;
  if (splitPage(renderPage(certificate))?.text === text) return genuine;
  const why =
    certificate.tool === tool
      ? 'was changed: its text is not what its JSON says, which itself is genuine'
      : `was made by ${certificate.tool}, and ${tool} cannot tell whether its text was changed; its JSON is genuine: ` +
        `save that as a file of its own, or check the page with ${certificate.tool}`;
  return { kind: 'changed', why };
}

const signatureSchema = z.strictObject({
  algorithm: z.literal('Ed25519'),
  publicKey: z.string(),
  keyId: z.string(),
  value: z.string(),
});

const counts = z.record(z.string(), z.number());
const certificateSchema = z.object({
  rotation: z.string(),
  verdict: z.enum(['safe-to-retire', 'not-safe']),
  reasons: z.array(z.string()),
  target: z.object({ keyId: z.string(), versionId: z.string() }),
  records: z.number(),
  byVersion: counts,
  unreadable: z.number(),
  method: z.enum(['kms', 'header+kms-sample']),
  configDigest: z.string(),
  startedAt: z.string(),
  finishedAt: z.string(),
  tool: z.string(),
  before: counts.nullable(),
  excluded: z.object({ what: z.string(), records: z.number().nullable(), exact: z.boolean() }).nullable(),
  caveats: z.array(z.string()),
  mode: z.enum(['rewrap', 'regenerate']),
  deep: z.boolean(),
  passes: z.number().nullable(),
  audit: z.object({ head: z.string(), entries: z.number() }).nullable(),
});

/** The document itself is kept: a later keyturn may say more in it, which is signed too. */
function isCertificate(document: object): document is Certificate {
  return certificateSchema.safeParse(document).success;
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    // Fatal: bytes that are no UTF-8 must not all become the same mark.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
