#!/usr/bin/env node
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { loadConfig } from '../config/load-config.ts';
import type { KeyturnConfig } from '../config/keyturn-config.ts';
import { asFault } from '../rotation/faults.ts';
import { exitCode, exitCodeFor } from './exit-code.ts';
import { wasInterrupted } from './interrupt.ts';
import { audited } from './open-audit.ts';
import { createOutput, type Output } from './output.ts';
import { toolVersion } from './tool-version.ts';

const program = new Command('keyturn')
  .description('Brings every ciphertext of a store under a new KMS key version, and proves it.')
  .version(toolVersion())
  .showHelpAfterError('(see keyturn --help)')
  .exitOverride();

interface Flags {
  readonly config: string;
  readonly json?: true;
  readonly deep?: true;
  readonly exitWhenDone?: true;
  readonly bullBoard?: true;
  readonly watch?: true;
  readonly fresh?: true;
  readonly out?: string;
  readonly code?: string;
  readonly signKey?: string;
}

const outFlag = 'write the certificate to a file too: as a page where it ends in .md, else as JSON';
const signKeyFlag = 'sign the certificate with this Ed25519 private key (PEM)';

/** A command that reads the config. Its code is loaded when it runs: nobody loads what he does not use. */
function configured(
  name: string,
  description: string,
  action: (config: KeyturnConfig, output: Output, flags: Flags) => Promise<number>,
): Command {
  const command = program
    .command(name)
    .description(description)
    .option('-c, --config <file>', 'config file (YAML or JSON)', 'keyturn.yaml')
    .option('--json', 'one JSON object on stdout, all else on stderr');
  return command.action(async () => {
    const flags = command.opts<Flags>();
    const { config, warnings } = await loadConfig(flags.config);
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    process.exitCode = await audited(config, name, () =>
      action(config, createOutput(flags.json === true), flags),
    );
  });
}

configured('check', 'validate the config and reach broker, store and KMS', async (config, output) =>
  (await import('./commands/check.ts')).check(config, output),
);
// Noted as it is parsed, as the rate below is.
let sampleSize = 200;
configured(
  'plan',
  'say what the rotation will take, from a random sample; writes nothing',
  async (config, output) => (await import('./commands/plan.ts')).plan(config, { sample: sampleSize }, output),
).option('--sample <n>', 'records to sample, 200 by default', (text) => (sampleSize = parseSampleSize(text)));
configured('enqueue', 'enqueue the whole store; run again after a crash it resumes', async (config, output) =>
  (await import('./commands/enqueue.ts')).enqueue(config, output),
);
configured('work', 'work batches until SIGTERM', async (config, output, flags) =>
  (await import('./commands/work.ts')).work(
    config,
    { exitWhenDone: flags.exitWhenDone === true, bullBoard: flags.bullBoard === true },
    output,
  ),
)
  .option('--exit-when-done', 'end when the rotation is finished')
  .option('--bull-board', "serve bull-board beside the metrics, to look at the queue's jobs");
configured('run', 'enqueue, work and verify in one process', async (config, output, { deep, out, signKey }) =>
  (await import('./commands/run.ts')).run(config, { deep: deep === true, out, signKey }, output),
)
  .option('--deep', 'verify by asking the KMS about every record')
  .option('--out <file>', outFlag)
  .option('--sign-key <file>', signKeyFlag);
configured('status', 'print counts, rate, ETA and state', async (config, output, flags) =>
  (await import('./commands/status.ts')).status(
    config,
    { json: flags.json === true, watch: flags.watch === true },
    output,
  ),
).option('--watch', 'show it live until the rotation ends or Ctrl-C');
configured('pause', 'pause the rotation in all workers', async (config, output) =>
  (await import('./commands/steer.ts')).pause(config, output),
);
configured('resume', 'go on with a paused rotation', async (config, output) =>
  (await import('./commands/steer.ts')).resume(config, output),
);
configured('cancel', 'end the rotation; what is written stays', async (config, output) =>
  (await import('./commands/steer.ts')).cancel(config, output),
);
// Noted as it is parsed: what commander hands on has no type.
let rate: number | null = null;
configured('rate', 'change the global rate of KMS calls per second live', async (config, output) =>
  (await import('./commands/steer.ts')).changeRate(config, rate, output),
).argument('<rate>', 'calls per second over all workers, or none', (text) => (rate = parseRate(text)));
configured('failures', 'list the failed records', async (config, output, flags) =>
  (await import('./commands/failures.ts')).listFailures(config, { json: flags.json === true }, output),
);
configured('retry', 'put the failed records back in the queue', async (config, output, { code }) =>
  (await import('./commands/retry.ts')).retry(config, { code: code ?? null }, output),
).option('--code <code>', 'those that failed with this code alone');
configured(
  'verify',
  'read every record again and print the retirement certificate',
  async (config, output, { deep, fresh, out, signKey }) =>
    (await import('./commands/verify.ts')).verify(
      config,
      { deep: deep === true, fresh: fresh === true, out, signKey },
      output,
    ),
)
  .option('--deep', 'ask the KMS about every record')
  .option('--fresh', 'begin anew, where workers have counted part of an interrupted verify')
  .option('--out <file>', outFlag)
  .option('--sign-key <file>', signKeyFlag);

program
  .command('verify-certificate')
  .description('say whether a certificate is exactly what the owner of a key signed')
  .argument('<file>', 'the certificate, as JSON or as a Markdown page')
  .requiredOption('--public-key <file>', 'Ed25519 public key (PEM) of whoever signed it')
  .option('--json', 'one JSON object on stdout, all else on stderr')
  .action(async (file: string, flags: { publicKey: string; json?: true }) => {
    const { verifyCertificate } = await import('./commands/verify-certificate.ts');
    process.exitCode = await verifyCertificate(file, flags, createOutput(flags.json === true));
  });

configured(
  'rollback',
  'put journalled old ciphertexts back where nothing else has changed them',
  async (config, output) => (await import('./commands/rollback.ts')).rollback(config, output),
);
configured('journal', "drop the rotation's entries of the journal: journal purge", async (config, output) =>
  (await import('./commands/journal.ts')).purgeJournal(config, output),
).addArgument(new Argument('<action>', 'what to do').choices(['purge']));

program
  .command('verify-audit')
  .description('follow the chain of an audit log; exit 0 only if nothing in it was changed')
  .argument('<file>', 'the audit log')
  .option('--head <hash>', 'a hash that the log must hold, as a certificate names it', parseHash)
  .option('--json', 'one JSON object on stdout, all else on stderr')
  .action(async (file: string, { head, json }: { head?: string; json?: true }) => {
    const { verifyAudit } = await import('./commands/verify-audit.ts');
    process.exitCode = await verifyAudit(file, head ?? null, createOutput(json === true));
  });
program
  .command('kms-emulator')
  .description('run a local KMS for trial and test')
  .requiredOption('--port <n>', 'port, 0 = a free one', parseCount)
  .option('--host <host>', 'address to listen on', '127.0.0.1')
  .option('--key <id>', 'key to make if absent (repeatable)', (id: string, ids: string[]) => [...ids, id], [])
  .option('--token <token>', 'token to accept (default: a random one, printed)')
  .option('--state <file>', 'keep keys in this file')
  .option('--quota <n>', 'requests per second before 429', parseCount)
  .option('--latency <ms>', 'delay of each reply', parseCount)
  .addOption(new Option('--fail-rate <p>', 'share of calls to fail, 0 to 1').argParser(parseShare))
  .action(async (flags) => (await import('./commands/kms-emulator.ts')).runEmulator(flags));
program
  .command('schema')
  .description('print the JSON Schema of the config file')
  .action(async () => (await import('./commands/schema.ts')).printSchema());
program
  .command('demo')
  .description('rotate made-up records on embedded parts, in a temporary folder')
  .option('--records <n>', 'how many', parseCount, 5000)
  .option('--envelope', 'records in envelopes, each of which gets a new data key (mode: regenerate)')
  .option('--json', 'one JSON object on stdout, all else on stderr')
  .action(async (flags: { records: number; envelope?: true; json?: true }) => {
    const { demo } = await import('./commands/demo.ts');
    process.exitCode = await demo(
      { records: flags.records, envelope: flags.envelope === true },
      createOutput(flags.json === true),
    );
  });

function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count))
    throw new InvalidArgumentError('a whole number is needed');
  return count;
}

function parseSampleSize(text: string): number {
  const size = parseCount(text);
  if (size < 1 || size > 100_000) throw new InvalidArgumentError('a number from 1 to 100000 is needed');
  return size;
}

function parseHash(text: string): string {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new InvalidArgumentError('64 hexadecimal digits are needed');
  return text.toLowerCase();
}

function parseShare(text: string): number {
  const share = Number(text);
  if (text.trim() === '' || !(share >= 0 && share <= 1))
    throw new InvalidArgumentError('a number from 0 to 1 is needed');
  return share;
}

function parseRate(text: string): number | null {
  if (text === 'none') return null;
  const rate = Number(text);
  if (!(rate > 0 && Number.isFinite(rate)))
    throw new InvalidArgumentError('a positive number, or none, is needed');
  return rate;
}

// Who reads us may leave, as `| head` does; what is under way goes on to its end.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (!('code' in error && error.code === 'EPIPE')) throw error;
  });
}
// Node would print an unforeseen error with all that it holds, as the arguments of a Redis command.
process.on('uncaughtException', (error) => process.exit(fail(error)));
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = fail(error);
}
// A dead peer's sockets must not keep a finished command alive.
process.exit();

function fail(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage;
  const fault = asFault(error);
  process.stderr.write(`keyturn: ${fault.message}\n`);
  if (fault.code === 'INTERNAL_ERROR' && fault.cause instanceof Error) {
    // The frames alone: the message of an unknown error may hold anything.
    const frames = fault.cause.stack?.split('\n').filter((line) => line.startsWith('    at '));
    process.stderr.write(`${fault.cause.name}\n${frames?.join('\n') ?? ''}\n`);
  }
  return wasInterrupted() ? exitCode.interrupted : exitCodeFor(fault);
}
