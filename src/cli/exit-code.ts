import type { Fault } from '../rotation/faults.ts';

/** The exit codes of every command. */
export const exitCode = {
  done: 0,
  /** Ended with failed records, or with a verdict that is not safe. */
  notDone: 1,
  usage: 2,
  /** Broker, store or KMS out of reach, or refusing us. */
  peer: 3,
  interrupted: 130,
} as const;

export function exitCodeFor(fault: Fault): number {
  if (fault.faultClass === 'usage') return exitCode.usage;
  if (fault.code === 'ABORTED') return exitCode.interrupted;
  return fault.peer === undefined ? exitCode.notDone : exitCode.peer;
}
