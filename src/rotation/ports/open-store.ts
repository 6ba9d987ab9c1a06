import type { Fault } from '../faults.ts';
import type { RecordStore } from './record-store.ts';

/** What keyturn opens a store of a user's own with. */
export interface StoreContext {
  /** `store.options` of the config as it stands there, `{}` where there is none. Nobody has checked it. */
  readonly options: unknown;
  /** The folder of the config file, absolute: where relative paths in `options` start. */
  readonly directory: string;
  /** The fields that `read` gives of each record: those that the AAD templates name, each once. */
  readonly fields: readonly string[];
  /** The command only reads: `replace` is never called, and no right to write is needed. */
  readonly readOnly: boolean;
  /** The error to throw, for a module that cannot import keyturn. */
  readonly Fault: typeof Fault;
}

/**
 * A store of a user's own. Without `sample` a plan knows its first records alone. Without `check` keyturn
 * counts the records instead, and without `caveats` or `excluded` the certificate has none to tell.
 */
export type OwnStore = Omit<RecordStore, 'scanRecords' | 'check' | 'caveats' | 'excluded'> &
  Partial<Pick<RecordStore, 'check' | 'caveats' | 'excluded'>>;

/**
 * The default export of a store module. Throws a `Fault`: `usage` where the options are wrong, else as the
 * store's methods do.
 */
export type OpenStore = (context: StoreContext) => OwnStore | Promise<OwnStore>;
