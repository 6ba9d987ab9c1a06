import type { OwnStore } from '../../../src/rotation/ports/open-store.ts';
import type { RecordStoreFixture } from '../../../src/testing/record-store-contract.ts';

export function jsonlFixture(open: (directory: string) => Promise<OwnStore>): Promise<RecordStoreFixture>;
