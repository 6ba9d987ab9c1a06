import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runCli, writeConfig } from '../support/cli.ts';
import { createCustomers, type Customers } from '../support/customers.ts';
import { startEchoingGateway, type EchoingGateway } from '../support/echoing-gateway.ts';
import { freshRedis } from '../support/peers.ts';
import { startInTerminal, type TerminalRun } from '../support/terminal.ts';

const records = 200;
let customers: Customers;
let gateway: EchoingGateway;

beforeAll(async () => {
  customers = await createCustomers(records);
  gateway = await startEchoingGateway(customers.emulator.endpoint);
  gateway.answers = ['forward', 'forward', 'forward', 'page'];
  await customers.rotateKey();
});
afterAll(() => Promise.all([gateway.close(), customers.close()]));

async function writeRunConfig(ratePerSecond: number): Promise<string> {
  const { url: broker } = await freshRedis();
  const { emulator, config } = customers;
  return writeConfig({
    ...config,
    rotation: 'shown',
    broker,
    kms: { provider: 'yandex', endpoint: gateway.url, auth: { iamToken: emulator.token } },
    limits: { rate: ratePerSecond, batchSize: 50 },
    retry: { attempts: 8, initial: '5ms', max: '50ms' },
  });
}

describe('run on a terminal', () => {
  test.each([
    ['Ctrl-C hands the batches back', '\u0003'],
    ['a second Ctrl-C ends it at once', '\u0003\u0003'],
  ])(
    '%s, and the prompt comes on a line of its own',
    async (_name, keys) => {
      const run = startRun(await writeRunConfig(20));
      await shows(run, 'rotate [');
      run.type(keys);
      await run.ended;
      expect(run.lines()).toContain('exit 130');
      expect(run.lines()).toContainEqual(
        expect.stringMatching(/^rotate \[=* *\] +\d+% \| \d+\/200 \| \d+\/s/),
      );
    },
    60_000,
  );

  test('shows a bar on one line of its own, with log lines and a pause above it', async () => {
    const config = await writeRunConfig(40);
    const run = startRun(config);
    await shows(run, 'rotate [');
    await runCli(['pause', '-c', config]);
    await shows(run, "paused: paused by 'keyturn pause'; 'keyturn resume' goes on");
    await runCli(['rate', 'none', '-c', config]);
    await runCli(['resume', '-c', config]);
    await run.ended;

    const lines = run.lines();
    const drawn = lines.filter((line) => /\[=* *\]/.test(line));
    expect(drawn).toEqual([
      expect.stringMatching(/^rotate \[={18}\] 100% \| 200\/200 \| \d+\/s$/),
      expect.stringMatching(/^verify \[={18}\] 100% \| 200\/200 \| \d+\/s$/),
    ]);
    expect(lines.join('')).toContain('"msg":"KMS could not answer (HTTP_502)"}');
    expect(lines).toContain('exit 0');
  }, 60_000);
});

function startRun(config: string): TerminalRun {
  // The shell of a person goes on after a Ctrl-C.
  return startInTerminal(`trap : INT; node dist/cli/main.js run -c ${config}; echo "exit $?"`);
}

function shows(run: TerminalRun, text: string): Promise<void> {
  return vi.waitFor(() => expect(run.lines().join('\n')).toContain(text), { timeout: 15_000, interval: 50 });
}
