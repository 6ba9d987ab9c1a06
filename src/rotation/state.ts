/** The states of a rotation. */
export const states = ['new', 'running', 'paused', 'finished', 'cancelled'] as const;
export type RotationState = (typeof states)[number];

/** What changes the state of a rotation. */
export type RotationEvent = 'begin' | 'restart' | 'pause' | 'resume' | 'cancel' | 'finish' | 'extend';

interface Transition {
  readonly from: readonly RotationState[];
  readonly to: RotationState;
}

/**
 * The one table of states.
 * A ledger changes a state only by a row of it, in one atomic step with the check.
 */
export const transitions: Readonly<Record<RotationEvent, Transition>> = {
  // A pass over the whole store begins, with counts from zero. A cancelled rotation may be begun again: the
  // command to do so is a person's.
  begin: { from: ['new', 'finished', 'cancelled'], to: 'running' },
  // The queue has lost batches of the pass: it is scanned again, as another one.
  restart: { from: ['running'], to: 'running' },
  // By a person, or by a worker that met a rotation fault or too many failures.
  pause: { from: ['running'], to: 'paused' },
  resume: { from: ['paused'], to: 'running' },
  // Queued batches are dropped as workers meet them; what is written stays written.
  cancel: { from: ['running', 'paused'], to: 'cancelled' },
  // The whole store is enqueued and every batch is settled.
  finish: { from: ['running'], to: 'finished' },
  // A census found records that the application wrote under an old version meanwhile, or failed records are
  // put back in the queue.
  extend: { from: ['finished'], to: 'running' },
};

/** Failed records go back into a pass that takes batches, or that may be extended. */
export function mayPutBack(state: RotationState): boolean {
  return mayTransition(state, 'cancel') || mayTransition(state, 'extend');
}

export function mayTransition(from: RotationState, event: RotationEvent): boolean {
  return transitions[event].from.includes(from);
}
