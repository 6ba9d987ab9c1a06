import type { RecordFailure } from '../rotation/batch.ts';
import { printable } from './printable.ts';

/** References shown of each code. */
const shownRefs = 3;

/** Failures of one code. */
export interface FailureGroup {
  readonly code: string;
  readonly count: number;
  /** Of the first of them. */
  readonly message: string;
  /** Their messages are not all the same. */
  readonly isMixed: boolean;
  /** The first few. */
  readonly failures: readonly RecordFailure[];
}

/** Groups failures by code, the most frequent first; of each group it keeps the first few alone. */
export async function groupFailures(
  pages: AsyncIterable<readonly RecordFailure[]>,
): Promise<readonly FailureGroup[]> {
  const groups = new Map<string, FailureGroup>();
  for await (const page of pages) {
    for (const failure of page) {
      const { code, message } = failure;
      const group = groups.get(code) ?? { code, count: 0, message, isMixed: false, failures: [] };
      groups.set(code, {
        ...group,
        count: group.count + 1,
        isMixed: group.isMixed || group.message !== message,
        failures: group.failures.length < shownRefs ? [...group.failures, failure] : group.failures,
      });
    }
  }
  return [...groups.values()].toSorted((a, b) => b.count - a.count);
}

/** For a person. */
export function describeFailures(groups: readonly FailureGroup[]): string {
  const count = groups.reduce((sum, group) => sum + group.count, 0);
  if (count === 0) return 'no failed records';
  return [
    `${countRecords(count)} failed`,
    ...groups.flatMap(describeGroup),
    '',
    "'keyturn failures --json' lists every one; 'keyturn retry' puts them back in the queue,",
    "'keyturn retry --code CODE' those of one code",
  ].join('\n');
}

function describeGroup({ code, count, message, isMixed, failures }: FailureGroup): string[] {
  const more = count - failures.length;
  return [
    '',
    `${printable(code)}: ${countRecords(count)}`,
    `  ${printable(message)}${isMixed ? ' (and other messages)' : ''}`,
    ...failures.map(({ ref, time, requestId }) => {
      const request = requestId === null ? '' : `, request ${printable(requestId)}`;
      return `    ${printable(ref)}  (${time}${request})`;
    }),
    ...(more > 0 ? [`    and ${more} more`] : []),
  ];
}

function countRecords(count: number): string {
  return count === 1 ? '1 record' : `${count} records`;
}
