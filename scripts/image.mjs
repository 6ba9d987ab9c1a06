// `npm run test:image`: builds the image without a daemon and runs it as a cluster would. It takes minutes, and needs
// root on Debian on x64: elsewhere the last line says that it did not run.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { installPackages } from './install.mjs';

process.chdir(new URL('..', import.meta.url).pathname);
const able =
  process.platform === 'linux' &&
  process.arch === 'x64' &&
  process.getuid?.() === 0 &&
  existsSync('/usr/bin/apt-get');
if (!able) {
  console.log('NOT RUN: the image; it is built as root on Debian on x64');
  process.exit(0);
}
installPackages();
const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'image', ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
process.exit(status ?? 1);
