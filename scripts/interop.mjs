// `npm run test:interop`: the tests against peers that are none of ours and run elsewhere. The environment names
// them; the last lines say what did not run, as nothing was named for it.
import { spawnSync } from 'node:child_process';

const peers = [
  { name: 'Vault or OpenBao', variables: ['VAULT_ADDR', 'VAULT_TOKEN'] },
  { name: 'S3', variables: ['S3_ENDPOINT'] },
];

process.chdir(new URL('..', import.meta.url).pathname);
const missing = peers.flatMap(({ name, variables }) => {
  const unset = variables.filter((variable) => !process.env[variable]);
  return unset.length === 0 ? [] : [{ name, unset }];
});
const status = missing.length < peers.length ? runTests() : 0;
for (const { name, unset } of missing) console.log(`NOT RUN: ${name}; ${unset.join(', ')} not set`);
process.exit(status ?? 1);

function runTests() {
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'interop', ...process.argv.slice(2)];
  return spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] }).status;
}
