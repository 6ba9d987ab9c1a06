import { expect, test } from 'vitest';
import { Fault } from '../../../src/rotation/faults.ts';
import { createLog, type Log, type LogFields } from '../../../src/telemetry/log.ts';

/** A log whose lines are kept, and a clock that stands until it is moved. */
function startLog(level = 'info', base: object = {}) {
  const lines: string[] = [];
  const clock = { ms: 1000 };
  const log = createLog(
    level,
    base,
    (line) => lines.push(line),
    () => clock.ms,
  );
  return {
    log,
    clock,
    entries: (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line)),
    lines,
  };
}

test('each line is JSON with level, time, rotation and message, and fields that are allowed', () => {
  const { log, entries, lines } = startLog('info', { rotation: 'r1' });
  log.info('worker started', { worker: 'w1', code: 'OK' });
  log.error('ended in\nthe midst', { count: 2 });
  expect(entries()).toEqual([
    { level: 30, time: expect.any(String), rotation: 'r1', worker: 'w1', code: 'OK', msg: 'worker started' },
    { level: 50, time: expect.any(String), rotation: 'r1', count: 2, msg: 'ended in\nthe midst' },
  ]);
  expect(new Date(String(entries()[0]?.['time'])).getTime()).toBeGreaterThan(Date.now() - 60_000);
  for (const line of lines) expect(line.indexOf('\n')).toBe(line.length - 1);
});

test('a field that is not allowed is left out, wherever it comes from', () => {
  const { log, entries } = startLog('info', { rotation: 'r1', url: 'postgres://user:secret@host' });
  const given: LogFields = Object.assign({ count: 3 }, { ciphertext: 'secret', err: new Error('secret') });
  log.info('a', given);
  log.warn('b', Object.assign({ reason: 'r' }, { token: 'secret' }));
  log.fault(
    new Fault('transient', 'X', 'c', { cause: new Error('secret'), requestId: 'req-1', peer: 'kms' }),
  );
  const common = { level: expect.any(Number), time: expect.any(String), rotation: 'r1' };
  expect(entries()).toEqual([
    { ...common, count: 3, msg: 'a' },
    { ...common, reason: 'r', msg: 'b' },
    { ...common, code: 'X', faultClass: 'transient', peer: 'kms', requestId: 'req-1', msg: 'c' },
  ]);
});

test('a fault that comes again within ten seconds is counted, and told with the next one after them', () => {
  const { log, clock, entries } = startLog();
  const down = (peer: 'kms' | 'store'): void => log.fault(new Fault('transient', 'DOWN', 'down', { peer }));
  for (let time = 1; time <= 500; time += 1) down('kms');
  down('store');
  clock.ms += 9999;
  down('kms');
  clock.ms += 2;
  down('kms');
  down('kms');
  clock.ms += 10_000;
  down('kms');
  expect(entries().map(({ peer, count }) => [peer, count])).toEqual([
    ['kms', undefined],
    ['store', undefined],
    ['kms', 501],
    ['kms', 2],
  ]);
});

test('what is below the level of the config is not written', () => {
  const messages = (level: string): unknown[] => {
    const { log, entries } = startLog(level);
    for (const name of ['info', 'warn', 'error'] satisfies (keyof Log)[]) log[name](name);
    return entries().map(({ msg }) => msg);
  };
  expect(messages('info')).toEqual(['info', 'warn', 'error']);
  expect(messages('error')).toEqual(['error']);
  expect(messages('silent')).toEqual([]);
});
