// `npm run test:interop`: the tests against peers that are none of ours and run elsewhere. The environment names
// them; the last lines say what did not run, as nothing was named for it.
import { spawnSync } from 'node:child_process';

const peers = [
  { name: 'Vault or OpenBao', file: 'test/interop/vault.test.ts', variables: ['VAULT_ADDR', 'VAULT_TOKEN'] },
  { name: 'S3', file: 'test/interop/s3.test.ts', variables: ['S3_ENDPOINT'] },
];

process.chdir(new URL('..', import.meta.url).pathname);
const known = peers.map(({ variables, ...peer }) => ({
  ...peer,
  unset: variables.filter((variable) => !process.env[variable]),
}));
const named = known.filter(({ unset }) => unset.length === 0);
const status = named.length > 0 ? runTests(named.map(({ file }) => file)) : 0;
for (const { name, unset } of known.filter(({ unset }) => unset.length > 0))
  console.log(`NOT RUN: ${name}; ${unset.join(', ')} not set`);
process.exit(status ?? 1);

function runTests(files) {
  const args = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--project',
    'interop',
    ...files,
    ...process.argv.slice(2),
  ];
  return spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] }).status;
}
