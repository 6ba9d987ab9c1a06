import { isRecord } from './is-record.ts';
import type { Problem } from './problem.ts';

/** Where placeholders get their values. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  /** The text of a file, named as in the config; throws where it cannot be read. */
  readonly readFile: (path: string) => string;
}

// `$${` (a literal `${`), a placeholder, or one that is never closed.
const placeholder = /\$\$\{|\$\{([^}]*)\}|\$\{/g;

/**
 * Replaces `${VAR}` and `${file:/path}` in all strings of a parsed config, once: what comes in is not looked
 * through again. One without a value stays as it is and is a problem.
 */
export function interpolate(
  document: unknown,
  surroundings: Surroundings,
): { document: unknown; problems: Problem[] } {
  const problems: Problem[] = [];
  return { document: replaceIn(document, []), problems };

  function replaceIn(node: unknown, path: readonly PropertyKey[]): unknown {
    if (Array.isArray(node)) return node.map((item, index) => replaceIn(item, [...path, index]));
    if (isRecord(node)) {
      return Object.fromEntries(
        Object.entries(node).map(([key, value]) => [key, replaceIn(value, [...path, key])]),
      );
    }
    if (typeof node !== 'string') return node;
    return node.replace(placeholder, (found: string, source: string | undefined) => {
      if (found === '$${') return '${';
      const looked = lookUp(source ?? '', surroundings);
      if ('value' in looked) return looked.value;
      problems.push({ path, message: looked.problem });
      return found;
    });
  }
}

function lookUp(source: string, { env, readFile }: Surroundings): { value: string } | { problem: string } {
  const path = source.startsWith('file:') ? source.slice('file:'.length) : null;
  if (path !== null && !/\p{C}/u.test(path)) {
    try {
      return { value: readFile(path).trim() };
    } catch (error) {
      return { problem: `file ${path} cannot be read (${errorCode(error)}); create it or mend the path` };
    }
  }
  if (!/^[A-Za-z_]\w*$/.test(source)) {
    // Not repeated: it may be part of a password that happens to hold `${`.
    return { problem: 'holds a malformed placeholder; write ${VAR}, ${file:/path}, or $${ for a literal ${' };
  }
  const value = env[source];
  return typeof value === 'string'
    ? { value }
    : { problem: `environment variable ${source} is not set; set it` };
}

/** `ENOENT` and the like, which Node puts on the errors of the file system. */
export function errorCode(error: unknown): string {
  return isRecord(error) && typeof error['code'] === 'string' ? error['code'] : 'unreadable';
}
