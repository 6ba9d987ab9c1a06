import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const debianPackages = {
  'redis-server': 'redis-server',
  initdb: 'postgresql',
  postgres: 'postgresql',
  'chromium-headless-shell': 'chromium-headless-shell',
  prometheus: 'prometheus',
  promtool: 'prometheus',
  buildah: 'buildah',
} as const;
export type ServerBinary = keyof typeof debianPackages;

const faketimeLibraries = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib'].map(
  (folder) => join(folder, 'faketime/libfaketimeMT.so.1'),
);

const postgresRoot = '/usr/lib/postgresql';
const serviceStartPolicy = '/usr/sbin/policy-rc.d';

/**
 * The path of a server's binary; a missing one is installed as root on Debian, else the error says what to
 * install.
 */
export function serverBinary(name: ServerBinary): string {
  const found = locate(name);
  if (found !== null) return found;
  install(debianPackages[name]);
  const installed = locate(name);
  if (installed === null) throw new Error(missing(name));
  return installed;
}

/** The library that lies to a process about the wall clock, installed likewise; null where it is not to be had. */
export function faketimeLibrary(): string | null {
  const find = (): string | null => faketimeLibraries.find((path) => existsSync(path)) ?? null;
  const found = find();
  if (found !== null) return found;
  try {
    install('libfaketime');
  } catch {
    // The tests go on without it, and say so.
  }
  return find();
}

function locate(name: ServerBinary): string | null {
  const versions = existsSync(postgresRoot)
    ? readdirSync(postgresRoot).toSorted((left, right) => Number(right) - Number(left))
    : [];
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...versions.map((version) => join(postgresRoot, version, 'bin')),
  ];
  const folder = folders.find((candidate) => existsSync(join(candidate, name)));
  return folder === undefined ? null : join(folder, name);
}

function install(debianPackage: string): void {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  // Debian starts a service as it installs it; the tests want the binary alone.
  const hadPolicy = existsSync(serviceStartPolicy);
  if (!hadPolicy) writeFileSync(serviceStartPolicy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    apt('update');
    apt('install', '-y', '--no-install-recommends', debianPackage);
  } finally {
    if (!hadPolicy) rmSync(serviceStartPolicy, { force: true });
  }
}

function apt(...args: string[]): void {
  execFileSync('apt-get', args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}

function missing(name: ServerBinary): string {
  return `${name} not found; install the package ${debianPackages[name]} (apt-get install ${debianPackages[name]}), or put ${name} on PATH`;
}
