import { Fault } from 'keyturn';
import { recordStoreContract } from 'keyturn/testing';
import { jsonlFixture } from './fixture.js';
import openStore from './my-store.js';

recordStoreContract(
  'my store',
  () =>
    jsonlFixture((directory) =>
      openStore({ options: { directory }, directory: '.', fields: ['tenant'], readOnly: false, Fault }),
    ),
  { samples: false },
);
