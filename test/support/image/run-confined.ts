import { spawnSync } from 'node:child_process';

/**
 * Makes the root read-only and gives it what a container's runtime gives: /proc, some devices, and a /tmp in
 * memory. Then the command runs as the image's user, and cannot get more rights.
 */
const script = `
set -e
root=$1; shift
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
for device in null zero random urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
exec setpriv --no-new-privs chroot --userspec=65532:65532 --groups= "$root" "$@"
`;

/** What a command in the image's files ended with, run as Kubernetes would, in namespaces of its own. */
export function runConfined(
  root: string,
  command: readonly string[],
): { readonly code: number | null; readonly stdout: string; readonly stderr: string } {
  const own = ['--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child'];
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [...own, 'sh', '-c', script, 'sh', root, ...command],
    // Nothing of this process's environment, as in a container.
    { encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, maxBuffer: 16 * 1024 * 1024 },
  );
  return { code: status, stdout, stderr };
}
