import { refusal } from './status.ts';

/** A JSON object of a request, not looked into yet. */
export type Message = Readonly<Record<string, unknown>>;

/**
 * Reads a request body as Envoy's transcoder does (proto3 JSON): an empty body is an empty message, unknown
 * fields are ignored, names may be camelCase or snake_case, and null stands for the default.
 */
export function parseMessage(text: string): Message {
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refusal('INVALID_ARGUMENT', 'The request body is not JSON');
  }
  if (!isMessage(value)) throw refusal('INVALID_ARGUMENT', 'The request body is not a JSON object');
  return value;
}

/** "" where the field is absent. `maxLength` is in characters. */
export function readString(message: Message, name: string, maxLength: number): string {
  const value = field(message, name) ?? '';
  if (typeof value !== 'string') throw wrongType(name, 'a string');
  if (value.length > maxLength) throw tooLong(name, `${maxLength} characters`);
  return value;
}

export function readRequiredString(message: Message, name: string, maxLength: number): string {
  const value = readString(message, name, maxLength);
  if (value === '') throw refusal('INVALID_ARGUMENT', `${name} is required`);
  return value;
}

/** Empty where the field is absent. `maxLength` counts decoded bytes. */
export function readBytes(message: Message, name: string, maxLength: number): Buffer {
  const value = field(message, name) ?? '';
  if (typeof value !== 'string') throw wrongType(name, 'a base64 string');
  const bytes = decodeBase64(value);
  if (bytes === null) throw wrongType(name, 'a base64 string');
  if (bytes.length > maxLength) throw tooLong(name, `${maxLength} bytes`);
  return bytes;
}

export function readRequiredBytes(message: Message, name: string, maxLength: number): Buffer {
  const bytes = readBytes(message, name, maxLength);
  if (bytes.length === 0) throw refusal('INVALID_ARGUMENT', `${name} is required`);
  return bytes;
}

/** False where the field is absent. */
export function readBoolean(message: Message, name: string): boolean {
  const value = field(message, name) ?? false;
  if (typeof value !== 'boolean') throw wrongType(name, 'true or false');
  return value;
}

/**
 * An int64, which proto3 JSON and query strings have as a decimal string too;
 * 0 where the field is absent.
 */
export function readInteger(message: Message, name: string): number {
  const value = field(message, name) ?? 0;
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw wrongType(name, 'an integer');
  return number;
}

/** An enum value by its name or number; refused if unspecified. */
export function readEnum<T extends string>(
  message: Message,
  name: string,
  numbers: Readonly<Record<T, number>>,
): T {
  const value = field(message, name);
  for (const known in numbers) {
    if (value === known || value === numbers[known]) return known;
  }
  throw wrongType(name, `one of ${Object.keys(numbers).join(', ')}`);
}

/** A google.protobuf.Duration such as "604800s", in milliseconds; null where the field is absent. */
export function readDurationMs(message: Message, name: string): number | null {
  const value = field(message, name) ?? null;
  if (value === null) return null;
  // Nine digits are 31 years; more could not be told in an RFC 3339 time.
  const match = typeof value === 'string' ? /^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(value) : null;
  if (match === null) throw wrongType(name, 'a duration in seconds such as "604800s"');
  return Math.round(Number(match[1]) * 1000);
}

/**
 * Labels by the rule of the protos:
 * at most 64, names `[a-z][-_0-9a-z]*`, values `[-_0-9a-z]*`, 63 characters each.
 */
export function readLabels(message: Message, name: string): Readonly<Record<string, string>> {
  const value = field(message, name) ?? {};
  const entries = isMessage(value) ? Object.entries(value) : null;
  const wellFormed = entries?.every(
    ([key, text]) =>
      /^[a-z][-_0-9a-z]{0,62}$/.test(key) && typeof text === 'string' && /^[-_0-9a-z]{0,63}$/.test(text),
  );
  if (!entries || !wellFormed || entries.length > 64)
    throw wrongType(name, 'at most 64 labels of a-z, 0-9, - and _');
  return Object.fromEntries(entries.map(([key, text]) => [key, String(text)]));
}

/** The paths of a google.protobuf.FieldMask, in camelCase. */
export function readFieldMask(message: Message, name: string): string[] {
  return readRequiredString(message, name, 1024)
    .split(',')
    .map((path) => path.trim().replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
}

/** Standard and URL-safe base64, with or without padding; null for anything else. */
export function decodeBase64(text: string): Buffer | null {
  const digits = text.replace(/={1,2}$/, '');
  const padded = digits.length !== text.length;
  const complete = padded ? text.length % 4 === 0 : digits.length % 4 !== 1;
  if (!complete || !/^[A-Za-z0-9+/_-]*$/.test(digits)) return null;
  return Buffer.from(digits, 'base64');
}

function field(message: Message, name: string): unknown {
  return message[name] ?? message[snakeCase(name)];
}

const snakeCases = new Map<string, string>();

/** Remembered: every request asks for the same few names. */
function snakeCase(name: string): string {
  let snake = snakeCases.get(name);
  if (snake === undefined) {
    snake = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    snakeCases.set(name, snake);
  }
  return snake;
}

function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrongType(name: string, wanted: string) {
  return refusal('INVALID_ARGUMENT', `${name} must be ${wanted}`);
}

function tooLong(name: string, limit: string) {
  return refusal('INVALID_ARGUMENT', `${name} is longer than ${limit}`);
}
