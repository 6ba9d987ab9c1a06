import { expect, test } from 'vitest';
import { drawFailure, stagedFailures } from '../../src/kms/emulator/staged-failure.ts';

test('a fail rate of 0 fails nothing and one of 1 everything', () => {
  expect(drawFailure(0, () => 0)).toBeNull();
  expect(drawFailure(1, () => 0.999_999)).not.toBeNull();
});

test('the share that fails is the fail rate, and every kind of failure comes equally often', () => {
  const drawn: unknown[] = [];
  for (let whether = 0; whether < 100; whether++) {
    for (let how = 0; how < 6; how++) {
      const draws = [whether / 100, how / 6];
      drawn.push(drawFailure(0.3, () => draws.shift() ?? 0));
    }
  }
  expect(drawn.filter((failure) => failure === null)).toHaveLength(70 * 6);
  for (const kind of stagedFailures) expect(drawn.filter((failure) => failure === kind)).toHaveLength(30);
});
