import { Fault } from '../rotation/faults.ts';

/** The queue holds what keyturn did not write. */
export function foreignJob(): Fault {
  return new Fault(
    'transient',
    'FOREIGN_JOB',
    "the queue holds a job that keyturn did not write; it is left aside. Remove it, or give 'broker' a database of its own",
    { peer: 'broker' },
  );
}
