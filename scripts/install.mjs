// Installs the packages where they are missing or older than the lock file, so that a fresh checkout needs no
// step before `npm test` and `npm run demo`. All of npm's words go to stderr: stdout is the command's.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';

export function installPackages() {
  const installed = 'node_modules/.package-lock.json';
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync('package-lock.json').mtimeMs) return;
  // Not `npm ci`: it refuses a registry that lacks optional builds for platforms that nobody here runs.
  process.stderr.write('installing packages …\n');
  run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
}

export function build() {
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
}

function run(command, args) {
  const { status } = spawnSync(command, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}
