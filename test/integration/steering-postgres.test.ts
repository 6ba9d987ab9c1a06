import { startPostgres } from '../support/servers.ts';
import { describeSteering } from '../support/steering.ts';

describeSteering('PostgreSQL', startPostgres);
