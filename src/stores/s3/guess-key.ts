/** Characters that keys may have besides those that were seen. */
const usual = Array.from({ length: 95 }, (_, index) => String.fromCodePoint(32 + index));
/** Share of the guesses that hold such a character. */
const unusualShare = 0.25;
const guesses = 10;
const digits = Array.from('0123456789');
/** Behind all others that keys are likely to have. */
const lastCharacter = '\u{10FFFD}';

/** Guesses keys that a bucket may have, from those that it has been seen to have. */
export interface KeyGuesser {
  learn(keys: readonly string[]): void;
  /** A key at a random place between two others; null where no guess comes between. */
  between(after: string, before: string): string | null;
}

export function createKeyGuesser(random = Math.random): KeyGuesser {
  const known: string[] = [];
  const characters = new Set<string>();
  const anyOf = (items: readonly string[]): string => items[Math.floor(random() * items.length)] ?? '';
  return {
    learn(keys) {
      known.push(...keys);
      for (const key of keys) for (const character of key) characters.add(character);
    },
    between(after, before) {
      const [low, high] = [Array.from(after), Array.from(before)];
      let common = 0;
      while (common < high.length && low[common] === high[common]) common += 1;
      const fits = (each: string): boolean =>
        compareKeys(each, low[common] ?? '') >= 0 && compareKeys(each, high[common] ?? '') <= 0;
      const seen = [...characters].filter(fits);
      const all = [...seen, ...usual.filter(fits)];
      for (let guess = 0; guess < guesses; guess += 1) {
        const next = anyOf(random() < unusualShare ? all : seen);
        // The rest as another key has it, since keys are built alike; every other time with other digits,
        // since the keys that were seen lie side by side.
        const model = Array.from(anyOf(known)).slice(common + 1);
        const rest = random() < 0.5 ? model : model.map((each) => (/\d/.test(each) ? anyOf(digits) : each));
        const key = [...low.slice(0, common), next, ...rest].join('');
        if (compareKeys(key, after) > 0 && compareKeys(key, before) < 0) return key;
      }
      return null;
    },
  };
}

/** What all keys with the first characters of `key` lie before. */
export function endOfKeysLike(key: string, characters: number): string {
  return Array.from(key).slice(0, characters).join('') + lastCharacter;
}

/** The order in which S3 lists: by the bytes in UTF-8. */
export function compareKeys(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
