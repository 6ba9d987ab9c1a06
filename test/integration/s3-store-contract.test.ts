import { recordStoreContract } from '../../src/testing/record-store-contract.ts';
import { s3Fixture, wrappedKey } from '../support/s3-fixture.ts';

const traits = { knowsNull: false, tenantField: 'metadata.tenant', batchSize: 200 };

recordStoreContract('bodies of S3 objects', () => s3Fixture({ kind: 'body' }), {
  ...traits,
  makeValue: (label) => Buffer.concat([Buffer.from([0, 0xff, 0xfe]), Buffer.from(label)]),
});
recordStoreContract('metadata of S3 objects', () => s3Fixture(wrappedKey), {
  ...traits,
  // A header holds ASCII only.
  makeValue: (label) => Buffer.from(Buffer.from(label).toString('base64')),
});
