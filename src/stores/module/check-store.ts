import { z } from 'zod';
import type { OwnStore } from '../../rotation/ports/open-store.ts';
import type { ModuleFaults } from './module-faults.ts';

const method = (name: string) =>
  z.custom((value) => typeof value === 'function', `gives a store without the method ${name}()`);

const storeShape = z.object(
  {
    scan: method('scan'),
    read: method('read'),
    replace: method('replace'),
    count: method('count'),
    close: method('close'),
    sample: method('sample').optional(),
    check: method('check').optional(),
    excluded: method('excluded').optional(),
    caveats: z.array(z.string(), 'gives a store whose caveats are no array of strings').optional(),
  },
  'gives no store: its default export must give an object with the methods of a RecordStore',
);

/**
 * What a module gave as a store, all methods there; throws a usage `Fault`. What they answer is checked
 * later.
 */
export function checkStore(store: unknown, faults: ModuleFaults): OwnStore {
  // The store itself is kept and not what was parsed: its methods may need their `this`.
  if (isStore(store)) return store;
  throw faults.unfit(storeShape.safeParse(store).error?.issues[0]?.message ?? 'gives no store');
}

function isStore(value: unknown): value is OwnStore {
  return storeShape.safeParse(value).success;
}
