import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { serverBinary } from '../binaries.ts';

const maxBuffer = 64 * 1024 * 1024;

const inspected = z.object({
  OCIv1: z.object({
    config: z.object({
      User: z.string().optional(),
      Env: z.array(z.string()).default([]),
      Entrypoint: z.array(z.string()).default([]),
      WorkingDir: z.string().optional(),
      Labels: z.record(z.string(), z.string()).default({}),
    }),
  }),
});
export type ImageConfig = z.output<typeof inspected>['OCIv1']['config'];

/** Images in a folder of their own, with no daemon. */
export interface ImageStore {
  /** An image of one layer, the folder's files. */
  commitRoot(name: string, root: string, env: readonly string[]): void;
  /**
   * Builds the Dockerfile in the current directory from images that are here, and says what went wrong; null if
   * nothing did. A step that was done before is not done again.
   */
  build(name: string, buildArguments: Readonly<Record<string, string>>): string | null;
  inspect(name: string): ImageConfig;
  /** Where the files of an image are, until the store is removed. */
  mount(name: string): string;
  remove(): void;
}

export function createImageStore(folder: string): ImageStore {
  const root = join(folder, 'images');
  const place = ['--root', root, '--runroot', join(folder, 'run')];
  const chroot = ['--isolation', 'chroot', '--pull-never'];

  function buildah(...args: readonly string[]): string {
    return execFileSync(serverBinary('buildah'), [...place, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer,
    }).trim();
  }

  return {
    commitRoot(name, files, env) {
      const container = buildah('from', 'scratch');
      buildah('copy', '--quiet', container, files, '/');
      buildah('config', ...env.flatMap((variable) => ['--env', variable]), container);
      buildah('commit', '--quiet', '--rm', container, name);
    },
    build(name, buildArguments) {
      const args = Object.entries(buildArguments).flatMap(([key, value]) => [
        '--build-arg',
        `${key}=${value}`,
      ]);
      const { status, stderr } = spawnSync(
        serverBinary('buildah'),
        [...place, 'bud', ...chroot, '--layers', ...args, '--tag', name, '.'],
        { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'], maxBuffer },
      );
      return status === 0 ? null : stderr;
    },
    inspect: (name) => inspected.parse(JSON.parse(buildah('inspect', '--type', 'image', name))).OCIv1.config,
    mount: (name) => buildah('mount', buildah('from', '--pull-never', name)),
    remove() {
      buildah('rm', '--all');
      buildah('rmi', '--all', '--force');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
