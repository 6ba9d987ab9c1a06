// `npm run bench`: measures everything in `test/bench/` on this machine, which should have nothing else to do, and
// writes the figures to BENCHMARKS.md and test/bench/figures.json. `-- --scale 0.05 --rounds 1` gives a quick look,
// and a file's name behind it only that one; then nothing is written.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installPackages } from './install.mjs';

process.chdir(new URL('..', import.meta.url).pathname);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { scale: { type: 'string', default: '1' }, rounds: { type: 'string', default: '5' } },
});
installPackages();
const out = join(mkdtempSync(join(tmpdir(), 'keyturn-bench-')), 'figures.jsonl');
writeFileSync(out, '');
const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'bench', ...positionals];
const { status } = spawnSync(process.execPath, args, {
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, BENCH_SCALE: values.scale, BENCH_ROUNDS: values.rounds, BENCH_OUT: out },
});
if (status !== 0) process.exit(status ?? 1);
const lines = readFileSync(out, 'utf8').split('\n').filter(Boolean);
const figures = lines.map((line) => JSON.parse(line));
const missed = figures.filter((figure) => !isReached(figure));
console.log(`${figures.length} figures, ${missed.length} not as they must be`);
for (const figure of missed) console.log(`  ${row(figure)}`);
if (values.scale === '1' && positionals.length === 0) {
  writeFileSync('test/bench/figures.json', `${JSON.stringify({ machine: machine(), figures }, null, 2)}\n`);
  writeFileSync('BENCHMARKS.md', page(figures));
}

function isReached({ value, atLeast = -Infinity, atMost = Infinity }) {
  return value >= atLeast && value <= atMost;
}

function machine() {
  const server = (command) => spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  return {
    cpu: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    system: `Linux ${release()}`,
    node: process.version,
    servers: [server('redis-server'), server('psql')].filter(Boolean).join('; '),
    date: new Date().toISOString().slice(0, 10),
    rounds: Number(values.rounds),
  };
}

function number(value) {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en');
  return value.toPrecision(3);
}

function bound({ atLeast, atMost }) {
  if (atLeast !== undefined && atMost !== undefined) return `${number(atLeast)} to ${number(atMost)}`;
  if (atLeast !== undefined) return `>= ${number(atLeast)}`;
  return atMost === undefined ? '' : `<= ${number(atMost)}`;
}

function row(figure) {
  const { name, unit, value, rounds } = figure;
  const spread = rounds.length > 1 ? `${number(Math.min(...rounds))} to ${number(Math.max(...rounds))}` : '';
  const reached = bound(figure) === '' ? '' : isReached(figure) ? 'yes' : '**no**';
  return `| ${name} | ${number(value)} ${unit} | ${spread} | ${bound(figure)} | ${reached} |`;
}

function page(all) {
  const { cpu, memory, system, node, servers, date, rounds } = machine();
  return `# Benchmarks

Written by \`npm run bench\`, not by hand. Medians of ${rounds} rounds, where there are several, with the lowest and
the highest beside them; ratios are taken within a round, and of these the median. Workers, KMS, PostgreSQL and Redis
share the machine's cores, so that these figures are lower than where each has its own.

${date} · ${cpu} · ${memory} · ${system} · Node ${node} · ${servers}

| figure | median | spread | must be | reached |
| ------ | ------ | ------ | ------- | ------- |
${all.map(row).join('\n')}

${costs(all)}`;
}

/** What a rotation of 10⁹ records costs, from what was measured. */
function costs(all) {
  const figure = (name) => all.find((each) => each.name === name)?.value ?? NaN;
  const records = 1e9;
  const batch = 500;
  const batches = records / batch;
  const cpuHours = (records * figure('CPU of the worker, emulator KMS')) / 3.6e9;
  const hours = [1000, 10_000, 100_000].map(
    (rate) => `${number(records / rate / 3600)} h at ${number(rate)}/s`,
  );
  const redis = figure('memory of Redis at most, 1e+7 references');
  const producer = records / figure('producer, references enqueued') / 3600;
  const census = records / figure('census by header, one process') / 3600;
  const traffic = figure('bytes to and from Redis a record, 1e+7 references');
  return `## What 10⁹ records cost

Extrapolated, in batches of ${batch}, so ${number(batches)} batches:

- **Time at the KMS's rate**: 10⁹ ÷ rate = ${hours.join(', ')}.
- **CPU of the workers**: 10⁹ × ${number(figure('CPU of the worker, emulator KMS'))} µs = ${number(cpuHours)} core hours;
  one core keeps up with ${number(1e6 / figure('CPU of the worker, emulator KMS'))} calls/s.
- **Broker memory**: what 10⁷ references took, ${number(redis)} MB, as the backlog bounds it; the ledger keeps one bit
  for each batch besides, ${number(batches)} ÷ 8 = ${number(batches / 8 / 2 ** 20)} MB.
- **Broker traffic**: 10⁹ × ${number(traffic)} bytes = ${number((records * traffic) / 2 ** 30)} GB.
- **Round trips to the database**: a scan of 2,000 rows each, then one read and one write for each batch:
  ${number(records / 2000)} + 2 × ${number(batches)} = ${number(records / 2000 + 2 * batches)}.
- **The producer's scan**: 10⁹ ÷ ${number(figure('producer, references enqueued'))} = ${number(producer)} h in one process,
  beside the workers.
- **The census after it**: 10⁹ ÷ ${number(figure('census by header, one process'))} = ${number(census)} h in one process.
`;
}
