import { startRedis } from '../support/servers.ts';
import { describeSteering } from '../support/steering.ts';

describeSteering('Redis', () => startRedis(['--appendonly', 'yes', '--maxmemory-policy', 'noeviction']));
