import { randomInt } from 'node:crypto';

/** Most characters of an id in a request (yandex.cloud.kms.v1). */
export const maxIdLength = 50;

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** An id in Yandex Cloud's form: a three-letter prefix for the kind of resource and 17 of a-z and 0-9. */
export function newResourceId(prefix: 'abj' | 'aje'): string {
  return prefix + Array.from({ length: 17 }, () => alphabet[randomInt(alphabet.length)]).join('');
}
