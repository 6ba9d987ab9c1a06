import { describeLedger } from '../contract/ledger.ts';
import { brokers } from '../support/brokers.ts';

for (const [name, open] of Object.entries(brokers)) describeLedger(name, open);
