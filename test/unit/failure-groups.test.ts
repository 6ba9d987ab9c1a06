import { describe, expect, test } from 'vitest';
import { describeFailures, groupFailures } from '../../src/cli/failure-groups.ts';
import type { RecordFailure } from '../../src/rotation/batch.ts';

function failure(ref: string, code: string, change: Partial<RecordFailure> = {}): RecordFailure {
  const time = '2026-01-02T03:04:05.678Z';
  return { ref, code, message: `${code} it is`, requestId: null, time, attempts: 1, ...change };
}

async function* pages(...all: RecordFailure[][]): AsyncGenerator<RecordFailure[]> {
  yield* all;
}

const shown = async (...all: RecordFailure[][]): Promise<string> =>
  describeFailures(await groupFailures(pages(...all)));

describe('failures for a person', () => {
  test('each code comes once with its count and message, the most frequent first, over all pages', async () => {
    const text = await shown(
      [failure('1', 'RARE'), failure('2', 'OFTEN', { requestId: 'r-1' }), failure('3', 'OFTEN')],
      [failure('4', 'OFTEN'), failure('5', 'OFTEN'), failure('6', 'OFTEN')],
    );
    expect(text.split('\n').slice(0, 11)).toEqual([
      '6 records failed',
      '',
      'OFTEN: 5 records',
      '  OFTEN it is',
      '    2  (2026-01-02T03:04:05.678Z, request r-1)',
      '    3  (2026-01-02T03:04:05.678Z)',
      '    4  (2026-01-02T03:04:05.678Z)',
      '    and 2 more',
      '',
      'RARE: 1 record',
      '  RARE it is',
    ]);
    expect(text).toContain("'keyturn failures --json'");
  });

  test('other messages of the same code are not hidden', async () => {
    const one = failure('1', 'A');
    expect(await shown([one, failure('2', 'A')])).not.toContain('other messages');
    expect(await shown([one], [failure('2', 'A', { message: 'another' })])).toContain(
      'A it is (and other messages)',
    );
  });

  test('a reference that would steer the terminal, or fill it, does not', async () => {
    const text = await shown([failure('\u001b[2J\n\u202e', 'A'), failure('x'.repeat(5000), 'A')]);
    expect(text).toContain('    \uFFFD[2J\uFFFD\uFFFD  (');
    expect(text.length).toBeLessThan(1000);
  });

  test('none is said so', async () => {
    expect(await shown([])).toBe('no failed records');
  });
});
