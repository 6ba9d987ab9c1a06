import { randomBytes } from 'node:crypto';
import { algorithmNumbers, keyLengths } from './algorithms.ts';
import { decodeCiphertext, open, seal, type Binding } from './ciphertext.ts';
import type { KeyStore } from './key-store.ts';
import {
  readBoolean,
  readBytes,
  readEnum,
  readRequiredBytes,
  readRequiredString,
  readString,
  type Message,
} from './message-fields.ts';
import { maxIdLength } from './resource-id.ts';
import { badCiphertext, chooseForDecryption, chooseForEncryption } from './version-choice.ts';

/** Limits of yandex.cloud.kms.v1, in decoded bytes. */
const maxAadLength = 8192;
const maxPlaintextLength = 32_768;

/** What a crypto method knows of the service. */
interface CryptoContext {
  readonly store: KeyStore;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly primaryLagMs: number;
}

export type CryptoMethod = (
  context: CryptoContext,
  keyId: string,
  request: Message,
) => Readonly<Record<string, string>>;

/** The methods of yandex.cloud.kms.v1.SymmetricCryptoService, by the action behind the key in their path. */
export const cryptoMethods: ReadonlyMap<string, CryptoMethod> = new Map<string, CryptoMethod>([
  [':encrypt', encrypt],
  [':decrypt', decrypt],
  [':reEncrypt', reEncrypt],
  [':generateDataKey', generateDataKey],
]);

function encrypt(context: CryptoContext, keyId: string, request: Message) {
  const target = readTarget(keyId, request);
  const plaintext = readRequiredBytes(request, 'plaintext', maxPlaintextLength);
  const { versionId, ciphertext } = sealUnder(context, target, plaintext);
  return { keyId, versionId, ciphertext: ciphertext.toString('base64') };
}

function decrypt(context: CryptoContext, keyId: string, request: Message) {
  const aadContext = readBytes(request, 'aadContext', maxAadLength);
  const { versionId, plaintext } = openUnder(context, { keyId, aadContext }, readCiphertext(request));
  return { keyId, versionId, plaintext: plaintext.toString('base64') };
}

function reEncrypt(context: CryptoContext, keyId: string, request: Message) {
  const target = readTarget(keyId, request);
  const source = {
    keyId: readRequiredString(request, 'sourceKeyId', maxIdLength),
    aadContext: readBytes(request, 'sourceAadContext', maxAadLength),
  };
  const opened = openUnder(context, source, readCiphertext(request));
  const { versionId, ciphertext } = sealUnder(context, target, opened.plaintext);
  return {
    keyId,
    versionId,
    sourceKeyId: source.keyId,
    sourceVersionId: opened.versionId,
    ciphertext: ciphertext.toString('base64'),
  };
}

function generateDataKey(context: CryptoContext, keyId: string, request: Message) {
  const target = readTarget(keyId, request);
  const dataKeySpec = readEnum(request, 'dataKeySpec', algorithmNumbers);
  const skipPlaintext = readBoolean(request, 'skipPlaintext');
  const dataKey = randomBytes(keyLengths[dataKeySpec]);
  const { versionId, ciphertext } = sealUnder(context, target, dataKey);
  return {
    keyId,
    versionId,
    dataKeyPlaintext: skipPlaintext ? '' : dataKey.toString('base64'),
    dataKeyCiphertext: ciphertext.toString('base64'),
  };
}

interface Target extends Binding {
  /** "" = the primary. */
  readonly versionId: string;
}

function readTarget(keyId: string, request: Message): Target {
  return {
    keyId,
    versionId: readString(request, 'versionId', maxIdLength),
    aadContext: readBytes(request, 'aadContext', maxAadLength),
  };
}

/** No maximum: the whole body is limited. */
function readCiphertext(request: Message): Buffer {
  return readRequiredBytes(request, 'ciphertext', Number.POSITIVE_INFINITY);
}

function sealUnder({ store, now, primaryLagMs }: CryptoContext, target: Target, plaintext: Buffer) {
  const version = chooseForEncryption(store.findKey(target.keyId), target.versionId, now, primaryLagMs);
  return { versionId: version.id, ciphertext: seal(version.secret, version.id, target, plaintext) };
}

function openUnder({ store, now }: CryptoContext, source: Binding, ciphertext: Buffer) {
  const key = store.findKey(source.keyId);
  const parts = decodeCiphertext(ciphertext);
  if (parts === null) throw badCiphertext();
  const version = chooseForDecryption(key, parts.versionId, now);
  const plaintext = open(version.secret, source, parts);
  if (plaintext === null) throw badCiphertext();
  return { versionId: version.id, plaintext };
}
