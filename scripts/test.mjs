// `npm test`: everything that must hold, on a fresh checkout. Each static check counts as one test; the last
// line is `N passed, N failed`.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackages } from './install.mjs';

const checks = [
  ['type check', 'typescript/bin/tsc', '-p', 'tsconfig.json'],
  ['lint and import boundaries', 'oxlint/bin/oxlint', '--type-aware'],
  ['format', 'prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'],
  ['dead code', 'knip/bin/knip.js'],
];

process.chdir(new URL('..', import.meta.url).pathname);
installPackages();

let passed = 0;
let failed = 0;
const broken = [];
const checked = await Promise.all(checks.map(([name, script, ...args]) => check(name, script, args)));
for (const { name, ok, seconds, output } of checked) {
  console.log(`${ok ? 'ok    ' : 'FAILED'}  ${name} (${seconds.toFixed(1)} s)`);
  if (ok) {
    passed += 1;
    continue;
  }
  console.log(output);
  failed += 1;
  broken.push(name);
}

const folder = mkdtempSync(join(tmpdir(), 'keyturn-test-'));
const report = join(folder, 'report.json');
const status = runNode(
  'node_modules/vitest/vitest.mjs',
  'run',
  ...['unit', 'deploy', 'servers', 'timed'].flatMap((project) => ['--project', project]),
  '--coverage',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
);
const tests = readReport();
rmSync(folder, { recursive: true, force: true });
passed += tests.numPassedTests;
failed += tests.numFailedTests;
// Anything else that vitest calls a failure: a file that does not load, coverage below its bar.
if (status !== 0 && tests.numFailedTests === 0) {
  failed += 1;
  broken.push('test run or coverage');
}
if (broken.length > 0) console.log(`failed: ${broken.join(', ')}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function check(name, script, args) {
  const startedAt = Date.now();
  const child = spawn(process.execPath, [join('node_modules', script), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      resolve({ name, ok: code === 0, seconds: (Date.now() - startedAt) / 1000, output });
    });
  });
}

function runNode(...args) {
  const env = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: '1' };
  return spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'], env }).status;
}

function readReport() {
  try {
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0 };
  }
}
