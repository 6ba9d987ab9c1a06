import { Fault } from '../rotation/faults.ts';
import type { StoreContext } from '../rotation/ports/open-store.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import { guardStore } from './module/guard-store.ts';
import { loadModule } from './module/load-module.ts';
import { faultsOf } from './module/module-faults.ts';
import { checkStore } from './module/check-store.ts';

export interface ModuleStoreOptions extends Omit<StoreContext, 'Fault'> {
  /**
   * The user's module: a package's name or a path that begins with a dot, both looked up from `directory`; an
   * absolute path; or a file URL.
   */
  readonly module: string;
}

/**
 * Opens a store of the user's own, as the module's default export (an `OpenStore`) gives it. Throws a usage
 * `Fault` BAD_STORE_MODULE where the module cannot be found, does not load or gives no store, and whatever
 * fault the module throws. From then on each answer is checked: one that breaks a rule of the port is a
 * rotation `Fault` STORE_CONTRACT, and an error that is no fault a transient STORE_ERROR without the error's
 * message.
 */
export async function openModuleStore(options: ModuleStoreOptions): Promise<RecordStore> {
  const { module, ...context } = options;
  const faults = faultsOf(module);
  const openStore = await loadModule(module, context.directory, faults);
  let store: unknown;
  try {
    store = await openStore({ ...context, Fault });
  } catch (error) {
    throw faults.thrownAtOpening(error);
  }
  return guardStore(checkStore(store, faults), module, context.fields, faults);
}
