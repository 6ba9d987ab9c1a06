import { describe, expect, test } from 'vitest';
import {
  mayTransition,
  states,
  transitions,
  type RotationEvent,
  type RotationState,
} from '../../src/rotation/state.ts';

// Every pair that is allowed, written out apart from the table under test.
const allowed: Readonly<Record<RotationEvent, readonly RotationState[]>> = {
  begin: ['new', 'finished', 'cancelled'],
  restart: ['running'],
  pause: ['running'],
  resume: ['paused'],
  cancel: ['running', 'paused'],
  finish: ['running'],
  extend: ['finished'],
};
const target: Readonly<Record<RotationEvent, RotationState>> = {
  begin: 'running',
  restart: 'running',
  pause: 'paused',
  resume: 'running',
  cancel: 'cancelled',
  finish: 'finished',
  extend: 'running',
};

describe('state table', () => {
  for (const [event, from] of Object.entries(allowed) as [RotationEvent, readonly RotationState[]][]) {
    for (const state of states) {
      const may = from.includes(state);
      test(`${event} is ${may ? 'allowed' : 'refused'} in ${state}`, () => {
        expect(mayTransition(state, event)).toBe(may);
      });
    }
    test(`${event} leads to ${target[event]}`, () => {
      expect(transitions[event].to).toBe(target[event]);
    });
  }
});
