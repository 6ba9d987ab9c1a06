// `npm run test:crash -- --minutes 10 --seed 7`: a storm of faults over real servers and processes, each broker in
// its turn; then it is proved from the history that nothing was lost, overwritten or counted twice.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { installPackages } from './install.mjs';

process.chdir(new URL('..', import.meta.url).pathname);
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } },
});
installPackages();
const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'servers', 'test/crash/storm'];
const { status } = spawnSync(process.execPath, args, {
  stdio: ['ignore', 'inherit', 'inherit'],
  env: {
    ...process.env,
    STORM_MINUTES: values.minutes,
    ...(values.seed === undefined ? {} : { STORM_SEED: values.seed }),
  },
});
process.exit(status ?? 1);
