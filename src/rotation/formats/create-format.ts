import { Fault } from '../faults.ts';
import { createBase64Decoder } from './base64.ts';
import { describeFormat } from './describe-format.ts';
import { createEncoded, type Decode } from './encoded.ts';
import { createEnvelope, envelopeKeyLength } from './envelope.ts';
import { createFirstThatOpens } from './first-that-opens.ts';
import type { Encoding, Format, FormatSpec, PlainFormat, SingleFormat } from './format.ts';
import { formatSpecProblem } from './format-spec-problem.ts';
import { decodeHex } from './hex.ts';
import { hides } from './hides.ts';
import { createJsonFields } from './json-fields.ts';
import { createPrefixed } from './prefixed.ts';
import { raw } from './raw.ts';
import { text } from './text.ts';
import { createTink, tinkKeyLength } from './tink.ts';

const decoders: Readonly<Record<Encoding, Decode>> = {
  base64: createBase64Decoder('base64'),
  base64url: createBase64Decoder('base64url'),
  hex: decodeHex,
};

const plain: Readonly<Record<PlainFormat, Format>> = {
  raw,
  text,
  tink: createTink(tinkKeyLength),
  envelope: createEnvelope(envelopeKeyLength),
  base64: createEncoded(decoders.base64, raw),
  base64url: createEncoded(decoders.base64url, raw),
  hex: createEncoded(decoders.hex, raw),
};

// A wrapped key is not shorter than the key in it, and no key is shorter than one of AES-128.
const minLength = 16;
const plainBeforeRaw: Readonly<Record<PlainFormat, Format>> = {
  ...plain,
  tink: createTink({ ...tinkKeyLength, minLength }),
  envelope: createEnvelope({ ...envelopeKeyLength, minLength }),
};

/**
 * The format that a spec names. Throws a usage `Fault` CONFIG_INVALID where no value could be of it, or its
 * parts contradict each other; the config has said so before.
 */
export function createFormat(spec: FormatSpec): Format {
  const problem = formatSpecProblem(spec);
  if (problem !== null) throw new Fault('usage', 'CONFIG_INVALID', `the format ${problem}`);
  const specs = [spec].flat();
  const formats = specs.map((format, index) => {
    // Bare ciphertexts of Yandex KMS begin with a small number, which must not pass for the length of a key.
    const isBeforeRaw = specs.slice(index + 1).some((later) => hides(later, format));
    return createSingle(format, isBeforeRaw ? plainBeforeRaw : plain);
  });
  const [only] = formats;
  return only !== undefined && formats.length === 1
    ? only
    : createFirstThatOpens(formats, specs.map(describeFormat));
}

function createSingle(spec: SingleFormat, plain: Readonly<Record<PlainFormat, Format>>): Format {
  if (typeof spec === 'string') return plain[spec];
  const inner = createSingle(spec.format, plain);
  if ('json' in spec) return createJsonFields([spec.json].flat(), inner);
  if ('prefix' in spec) return createPrefixed(spec.prefix, inner);
  return createEncoded(decoders[spec.encoding], inner);
}
