import { describePace } from '../contract/pace.ts';
import { brokers } from '../support/brokers.ts';

for (const [name, open] of Object.entries(brokers)) describePace(name, open);
