// `npm run test:soak -- --records 1000000`: two workers with little memory and many records; the memory of workers
// and broker must stay flat. Prints a table; takes ten minutes or more.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { installPackages } from './install.mjs';

process.chdir(new URL('..', import.meta.url).pathname);
const { values } = parseArgs({ options: { records: { type: 'string', default: '1000000' } } });
installPackages();
const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'soak'];
const { status } = spawnSync(process.execPath, args, {
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, SOAK_RECORDS: values.records },
});
process.exit(status ?? 1);
