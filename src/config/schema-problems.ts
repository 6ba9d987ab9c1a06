import { closest, distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import { describePath, type Problem } from './problem.ts';
import { namesIn, settings } from './settings.ts';

/** The problems behind zod's issues, one for each key or value. */
export function schemaProblems(issues: readonly z.core.$ZodIssue[]): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: [...issue.path, safeName(key)],
        message: unknownKey(issue.path, key),
      }));
    }
    if (issue.code === 'invalid_union') {
      const meant = issue.errors.find((branch) => !branch.some(isOfAnotherKind));
      if (meant !== undefined) {
        return schemaProblems(meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })));
      }
    }
    return [{ path: issue.path, message: issue.message }];
  });
}

/** The branch of a union wants text where an object stands, or the like: it is not what the user meant. */
function isOfAnotherKind(issue: z.core.$ZodIssue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
}

/** Words for what the schema itself has none for; an error map of zod. Never repeats the value. */
export function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined) return 'is missing; add it';
  if (issue.input === null) return 'is empty; give a value, or leave the key out';
  switch (issue.code) {
    case 'invalid_type':
      if (issue.expected === 'string') return 'must be text; put it in quotes';
      if (issue.expected === 'array') return 'must be a list; write [a, b]';
      if (issue.expected === 'object') return 'must be a group of keys; write name: value below it';
      return `must be a ${issue.expected === 'int' ? 'whole number' : issue.expected}; mend it`;
    case 'too_small':
      if (issue.origin !== 'number') return 'must not be empty; give a value';
      return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}; raise it`;
    case 'too_big':
      return issue.origin === 'string'
        ? `must have at most ${issue.maximum} characters; shorten it`
        : `must be at most ${issue.maximum}; lower it`;
    case 'invalid_value': {
      const oneOf = issue.values.length > 1 ? 'one of ' : '';
      return `must be ${oneOf}${issue.values.map(String).join(', ')}; mend it`;
    }
    default:
      return undefined;
  }
}

function unknownKey(path: readonly PropertyKey[], key: string): string {
  const names = namesIn(path);
  const elsewhere = [...settings.values()].filter((setting) => setting.path.at(-1) === key);
  const nearest = names.length > 0 ? closest(key, names) : '';
  const isNear = distance(key.toLowerCase(), nearest.toLowerCase()) <= Math.max(2, nearest.length / 3);
  // `concurrency` at the top level: right, but in no group.
  if (!isNear && path.length === 0 && elsewhere.length === 1) {
    return `unknown key; did you mean ${elsewhere.map((setting) => setting.path.join('.')).join()}?`;
  }
  const suggestion = describePath([...path, nearest]);
  return isNear
    ? `unknown key; did you mean ${suggestion}?`
    : `unknown key; the nearest is ${suggestion}, and all are ${names.join(', ')}`;
}

/** A key that is no name may be a misplaced secret. */
function safeName(key: string): string {
  return /^[\w-]{1,40}$/.test(key) ? key : '(a key that is no name)';
}
