import { randomUUID } from 'node:crypto';

const counterDigits = 12;

/** Ids of the form of a UUID, random but for their last digits, which count: a random one for each call costs more. */
export function createIds(): () => string {
  const random = randomUUID().slice(0, -counterDigits);
  let calls = 0;
  return () => random + (calls++).toString(16).padStart(counterDigits, '0');
}
