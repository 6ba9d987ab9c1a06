import { Redis } from 'ioredis';
import { request } from 'undici';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { dumpRedis } from '../support/broker-dump.ts';
import { startHunt } from '../support/canaries.ts';
import { huntForAll, metricsUrl, openScene, passwords, tokens } from '../support/canary-scene.ts';
import { writeConfig } from '../support/cli.ts';
import { startGuardedServers } from '../support/guarded-servers.ts';

/**
 * Invariant 11: references, codes and counts only. Marked secrets go in wherever a secret goes in, the real
 * commands run in good and bad cases, and all that comes out anywhere is searched for them.
 */

const servers = await startGuardedServers(passwords, passwords.redis);
afterAll(() => servers.stop());

test('the hunt finds what lies in any kind of Redis value, in a command, or in a row', async () => {
  const hunt = startHunt();
  const secret = hunt.hide('token', tokens.right);
  const scene = await openScene('redis', servers, hunt);
  const client = new Redis(scene.brokerUrl);
  await client.set('a', secret);
  await client.hset('b', 'field', secret);
  await client.rpush('c', secret);
  await client.sadd('d', secret);
  await client.zadd('e', 1, secret);
  await client.xadd('f', '*', 'field', Buffer.from(secret).toString('base64'));
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const alone = startHunt();
    alone.hide('token', secret);
    alone.see(
      'Redis',
      (await dumpRedis(client)).split('\n').find((line) => line.startsWith(`${key} `)) ?? '',
    );
    expect(alone.found()).toHaveLength(1);
  }
  await vi.waitFor(() => expect(hunt.seen('Redis commands')).toContain('xadd'));
  expect(hunt.found().join()).toContain('token as it is in Redis commands');
  client.disconnect();

  const other = startHunt();
  other.hide('token', secret);
  const rows = await openScene('postgres', servers, other);
  await rows.broker.query('CREATE SCHEMA keyturn CREATE TABLE any_table (any_column bytea)');
  await rows.broker.query('INSERT INTO keyturn.any_table VALUES ($1)', [Buffer.from(secret)]);
  await rows.dump();
  expect(other.found()).toHaveLength(1);
}, 60_000);

describe.each(['redis', 'postgres'] as const)('over a %s broker', (kind) => {
  test('a rotation with bad records, an echoing KMS, a pause and a refused token shows no secret', async () => {
    const hunt = huntForAll();
    const scene = await openScene(kind, servers, hunt);
    const { gateway } = scene;
    const config = await writeConfig(scene.config);
    const cli = (...args: string[]) => scene.cli([...args, '-c', config]);

    expect(await cli('check')).toMatchObject({ code: 0 });
    expect(await cli('enqueue')).toMatchObject({ code: 0 });
    await scene.dump();

    // Some calls are refused, and some answered with another version: batches come back in part.
    gateway.answers = ['other version', 'refused', 'page', 'other version', 'no HTTP', 'cut JSON'];
    const echoed = scene.start(['work', '-c', config]);
    const metrics = await metricsUrl(echoed);
    await vi.waitFor(
      async () => {
        const text = await (await request(metrics)).body.text();
        hunt.see('metrics', text);
        expect(text).toMatch(/keyturn_queue_jobs\{[^}]*"delayed"[^}]*\} [1-9]/);
      },
      { timeout: 20_000, interval: 100 },
    );
    hunt.see('readyz', await (await request(new URL('/readyz', metrics))).body.text());
    hunt.see('status page', await (await request(new URL('/', metrics))).body.text());
    await scene.dump();

    gateway.answers = ['unauthenticated'];
    await vi.waitFor(() => expect(echoed.stderr()).toContain('rotation paused'), {
      timeout: 20_000,
      interval: 50,
    });
    const [refused, status] = await Promise.all([cli('run'), cli('status'), scene.dump()]);
    expect(refused.stderr).toContain('UNAUTHENTICATED');
    expect(refused.code).toBe(3);
    expect(status.stdout).toContain('UNAUTHENTICATED');
    echoed.child.kill('SIGTERM');
    expect((await echoed.ended).code).toBe(0);

    gateway.answers = ['forward'];
    // The next pass tries again what the gateway refused.
    expect(await cli('cancel')).toMatchObject({ code: 0 });
    expect(await cli('run', '--json')).toMatchObject({ code: 1 });
    const [listed] = await Promise.all([cli('failures', '--json'), cli('verify', '--deep'), scene.dump()]);
    const { failures } = JSON.parse(listed.stdout);
    expect(failures.map(({ ref, code }: Record<string, string>) => `${ref} ${code}`)).toEqual(scene.failures);

    expect(await cli('enqueue')).toMatchObject({ code: 0 });
    const [rate, pause] = await Promise.all([cli('rate', '7'), cli('pause')]);
    expect([rate.code, pause.code]).toEqual([0, 0]);
    expect(await cli('resume')).toMatchObject({ code: 0 });
    await scene.hideNew();

    expect([...gateway.echoed.keys()].toSorted()).toEqual(
      ['cut JSON', 'no HTTP', 'other version', 'page', 'refused', 'unauthenticated'].toSorted(),
    );
    expect(hunt.seen(kind === 'redis' ? 'Redis' : 'PostgreSQL')).toContain(scene.firstId);
    if (kind === 'redis') expect(hunt.seen('Redis commands')).toContain(scene.firstId);
    expect(hunt.found()).toEqual([]);
  }, 120_000);
});

test('what a trigger stumbles over is not repeated, though it quotes the value', async () => {
  const hunt = huntForAll();
  const { cli, config, dump, hideNew, store } = await openScene('postgres', servers, hunt);
  // For the server it is a fault of the statement, not of the value.
  await store.query(`
    CREATE FUNCTION stumble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      EXECUTE 'SELECT ' || quote_ident(right(NEW.value, 60));
      RETURN NEW;
    END $$;
    CREATE TRIGGER stumble BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION stumble();`);
  const { code, stdout } = await cli(['run', '-c', await writeConfig(config)]);
  expect(stdout).toContain('SQLSTATE 42703');
  expect(code).toBe(3);
  await dump();
  await hideNew();
  expect(hunt.found()).toEqual([]);
}, 60_000);

test('a broker that no longer takes the password of a running worker shows no secret', async () => {
  const hunt = huntForAll();
  const { brokerUrl, config, start } = await openScene('redis', servers, hunt);
  const client = new Redis(brokerUrl);
  onTestFinished(async () => {
    await client.config('SET', 'requirepass', passwords.redis);
    client.disconnect();
  });
  const connections = async (): Promise<string[]> =>
    [...String(await client.client('LIST')).matchAll(/^id=(\d+)/gm)].map(([, id = '']) => id);
  const ours = new Set(await connections());

  const worker = start(['work', '-c', await writeConfig(config)]);
  await metricsUrl(worker);
  await client.config('SET', 'requirepass', passwords.wrong);
  for (const id of await connections()) if (!ours.has(id)) await client.call('CLIENT', 'KILL', 'ID', id);
  await vi.waitFor(() => expect(worker.stderr()).toContain('WRONGPASS'), { timeout: 15_000, interval: 50 });
  await client.config('SET', 'requirepass', passwords.redis);
  worker.child.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
  expect(hunt.found()).toEqual([]);
}, 60_000);
