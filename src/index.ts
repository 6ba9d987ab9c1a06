/** What the authors of adapters import: the ports, what travels through them, and the one error. */
export { Fault } from './rotation/faults.ts';
export type { FaultClass, FaultDetails, FaultPeer } from './rotation/faults.ts';
export type {
  KeyService,
  ReEncrypted,
  ReEncryptItem,
  ReEncryptResult,
} from './rotation/ports/key-service.ts';
export type { OpenStore, OwnStore, StoreContext } from './rotation/ports/open-store.ts';
export type { Excluded, RecordStore, ScanPage } from './rotation/ports/record-store.ts';
export type { Cursor, Ref, Replacement, ReplaceOutcome, StoredRecord } from './rotation/record.ts';
