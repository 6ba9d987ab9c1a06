import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { startPostgres, startRedis } from './servers.ts';

export interface RolePasswords {
  readonly store: string;
  readonly broker: string;
}

/** A PostgreSQL and a Redis that ask for passwords. */
export interface GuardedServers {
  readonly redis: { readonly url: string; readonly port: number; readonly password: string };
  /** A new database of the role; its URL holds the password. */
  createDatabase(role: keyof RolePasswords): Promise<string>;
  open(url: string): pg.Pool;
  /** Of the superuser, on the database of this URL. */
  openAsSuperuser(url: string): pg.Pool;
  stop(): Promise<void>;
}

export async function startGuardedServers(
  roles: RolePasswords,
  redisPassword: string,
): Promise<GuardedServers> {
  const [postgres, redis] = await Promise.all([
    startPostgres(),
    startRedis(['--requirepass', redisPassword]),
  ]);
  const admin = openPool(postgres.url);
  const { rows } = await admin.query('SHOW hba_file');
  // The superuser goes on without a password.
  await admin.query(`
    COPY (VALUES ('host all postgres 127.0.0.1/32 trust'), ('host all all 127.0.0.1/32 scram-sha-256'))
      TO '${rows[0].hba_file}'`);
  await admin.query('SELECT pg_reload_conf()');
  for (const [role, password] of Object.entries(roles))
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);

  return {
    redis: {
      url: `redis://:${encodeURIComponent(redisPassword)}@127.0.0.1:${redis.port}`,
      port: redis.port,
      password: redisPassword,
    },
    async createDatabase(role) {
      const name = `${role}_${randomUUID().replaceAll('-', '')}`;
      await admin.query(`CREATE DATABASE ${name} OWNER ${role}`);
      return `postgres://${role}:${encodeURIComponent(roles[role])}@127.0.0.1:${postgres.port}/${name}`;
    },
    open: openPool,
    openAsSuperuser(url) {
      const own = new URL(postgres.url);
      own.pathname = new URL(url).pathname;
      return openPool(own.href);
    },
    async stop() {
      await admin.end();
      await Promise.all([postgres.stop(), redis.stop()]);
    },
  };
}

function openPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  // `end` does not wait for the connections' own end, so a server that stops may still cut one.
  pool.on('error', () => undefined);
  return pool;
}
