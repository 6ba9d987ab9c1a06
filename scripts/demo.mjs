// `npm run demo`: installs, builds, and runs the demo with the arguments given.
import { spawnSync } from 'node:child_process';
import { build, installPackages } from './install.mjs';

installPackages();
build();
const { status } = spawnSync(process.execPath, ['dist/cli/main.js', 'demo', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
