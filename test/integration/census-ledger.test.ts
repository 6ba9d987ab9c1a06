import { describeCensusLedger } from '../contract/census-ledger.ts';
import { brokers } from '../support/brokers.ts';

for (const [name, open] of Object.entries(brokers)) describeCensusLedger(name, open);
