import { Fault } from '../../rotation/faults.ts';

/**
 * A mount as a part of a URL's path, without slashes around it. `usage` fault, which names `setting`, if it
 * is none.
 */
export function parseMountPath(mount: string, setting: string): string {
  const parts = mount.replace(/^\/+|\/+$/g, '').split('/');
  if (!parts.every((part) => /^[\w.~-]*[\w~-][\w.~-]*$/.test(part))) {
    throw new Fault(
      'usage',
      'BAD_MOUNT',
      `${setting} is not the path of a mount, as in transit or team/transit`,
    );
  }
  return parts.join('/');
}
