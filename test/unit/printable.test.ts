import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { describePlan } from '../../src/cli/describe-plan.ts';
import { printable } from '../../src/cli/printable.ts';
import { runs } from '../support/property-runs.ts';

const steering = ['\u001b[2J', '\u009b2J', '\r', '\n', '\u202e', '\u2066', '\u2028', '\0'];

test('text of others is shown on one line, and nothing in it steers the terminal', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom(...steering), fc.string())), (pieces) => {
      const shown = printable(pieces.join(''));
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(shown.length).toBeLessThanOrEqual(301);
    }),
    runs(200),
  );
});

test('a plan names a record of an awkward key without a way out of its line', () => {
  const text = describePlan({
    rotation: 'r',
    target: { keyId: 'k', versionId: 'v' },
    records: 1,
    exact: true,
    sample: {
      size: 1,
      among: null,
      byVersion: {},
      done: 0,
      unreadable: 1,
      failures: [{ code: 'BAD_FORMAT', count: 1, message: 'no value', refs: [`key${steering.join('')}`] }],
    },
    doneShare: 0,
    doneShareInterval: [0, 0],
    toRotate: 0,
    toFail: 1,
    kmsCalls: 0,
    kmsCallsToCheckWrites: 0,
    kmsCallsToVerify: 0,
    kmsCallsSaved: 0,
    durationSeconds: null,
    rate: null,
    rateUnit: 'calls',
    warnings: [],
  });
  const [line = ''] = text.split('\n').filter((each) => each.includes('such as key'));
  expect(line).toMatch(/^ +such as key[\uFFFD\w[]+$/);
});
