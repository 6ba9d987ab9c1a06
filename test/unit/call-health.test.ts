import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCallHealth, type CallHealth } from '../../src/rotation/calls/call-health.ts';

/** After so many first tries, of which every `nth` failed. */
function healthAfter(calls: number, nth: number): CallHealth {
  const health = createCallHealth();
  for (let call = 0; call < calls; call += 1) {
    if (call % nth === 0) health.failed(true);
    else health.succeeded(true);
  }
  return health;
}

describe('call health', () => {
  test('with a sound KMS a record is blamed after the attempts of the config', () => {
    const health = createCallHealth();
    for (let call = 0; call < 100; call += 1) health.succeeded(true);
    expect(health.blamesRecord(7, 8)).toBe(false);
    expect(health.blamesRecord(8, 8)).toBe(true);
  });

  test('in a brown-out of a third of all calls eight failures in a row are no proof', () => {
    const health = healthAfter(300, 3);
    expect(health.blamesRecord(8, 8)).toBe(false);
    expect(health.blamesRecord(15, 8)).toBe(true);
  });

  test('a few lucky calls do not make a brown-out sound', () => {
    // A third of the calls fail; of these fewer did.
    expect(healthAfter(20, 5).blamesRecord(10, 8)).toBe(false);
  });

  test('however bad the KMS, a record is blamed at last, so that none holds a rotation for ever', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 50 }), (calls) => {
        const health = createCallHealth();
        for (const succeeded of calls) {
          if (succeeded) health.succeeded(true);
          else health.failed(true);
        }
        return health.blamesRecord(20, 8);
      }),
    );
  });

  test('the repeats of one bad record do not excuse it', () => {
    const health = createCallHealth();
    for (let call = 0; call < 20; call += 1) health.succeeded(true);
    for (let call = 0; call < 1000; call += 1) health.failed(false);
    expect(health.blamesRecord(8, 8)).toBe(true);
  });

  test('what a KMS was like long ago is forgotten', () => {
    const health = createCallHealth();
    for (let call = 0; call < 1000; call += 1) health.failed(true);
    for (let call = 0; call < 20_000; call += 1) health.succeeded(true);
    expect(health.blamesRecord(8, 8)).toBe(true);
  });

  test('without a call seen, the attempts of the config decide', () => {
    expect(createCallHealth().blamesRecord(3, 3)).toBe(true);
  });
});
