import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that wait for locks to run out, for servers to come back or for seconds to pass, more than they work. */
const waiting = /\/(crash\/[^/]+|steering-\w+|pauses-itself|canary|watch-status)\.test\.ts$/;

/**
 * These begin first, so that others have the processor while they wait. Vitest itself begins with the largest
 * files where it has not seen how long each takes, and a file that only waits would be left to the end.
 */
export class WaitingFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- of a sequencer, not of an array
    const sorted = await super.sort(files);
    return [
      ...sorted.filter(({ moduleId }) => waiting.test(moduleId)),
      ...sorted.filter(({ moduleId }) => !waiting.test(moduleId)),
    ];
  }
}
