import { closest, distance } from 'fastest-levenshtein';
import { isRecord } from './is-record.ts';
import { type Setting, settings } from './settings.ts';

const prefix = 'KEYTURN_';
// Kubernetes sets variables of a like kind for each service (KEYTURN_PORT),
// so only a slip of the finger counts.
const nearDistance = 2;

// Where the file gives the short form, an override of one member keeps what it says.
const longForms: Readonly<Record<string, string>> = { broker: 'url', format: 'format' };

export interface Overridden {
  readonly document: unknown;
  /** The variable that set each dotted path. */
  readonly origins: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

/** The variable that overrides a setting: `limits.batchSize` is KEYTURN_LIMITS_BATCH_SIZE. */
export function overrideName(path: readonly string[]): string {
  return prefix + path.map((name) => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()).join('_');
}

/** Puts the values of KEYTURN_… variables into a parsed config, as text, whether or not it has the key. */
export function applyOverrides(document: unknown, env: NodeJS.ProcessEnv): Overridden {
  const byName = new Map([...settings.values()].map((setting) => [overrideName(setting.path), setting]));
  const origins = new Map<string, string>();
  let overridden = document;
  // Short paths first: KEYTURN_BROKER_TLS_CA_FILE goes into what KEYTURN_BROKER has set.
  for (const [name, setting] of [...byName].toSorted(([, a], [, b]) => a.path.length - b.path.length)) {
    const value = env[name];
    if (value === undefined || !isScalar(setting)) continue;
    overridden = withValue(overridden, setting.path, value);
    origins.set(setting.path.join('.'), name);
  }
  const ours = Object.keys(env).filter((variable) => variable.startsWith(prefix));
  return {
    document: overridden,
    origins,
    warnings: ours.flatMap((variable) => warningOn(variable, byName) ?? []),
  };
}

function isScalar({ types }: Setting): boolean {
  return ['string', 'number', 'integer', 'boolean'].some((type) => types.has(type));
}

function withValue(node: unknown, path: readonly string[], value: string, parent = ''): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  const longForm = longForms[parent];
  const short = typeof node === 'string' && longForm !== undefined ? { [longForm]: node } : {};
  const group = isRecord(node) ? node : short;
  return { ...group, [name]: withValue(group[name], rest, value, name) };
}

function warningOn(variable: string, byName: ReadonlyMap<string, Setting>): string | null {
  const setting = byName.get(variable);
  if (setting !== undefined) {
    const kind = setting.types.has('array') ? 'a list' : 'a group';
    const reason = `${setting.path.join('.')} is ${kind}, and only single values can be overridden`;
    return isScalar(setting) ? null : `${variable} is ignored: ${reason}`;
  }
  const nearest = closest(variable, [...byName.keys()]);
  return distance(variable, nearest) > nearDistance
    ? null
    : `${variable} is ignored: there is no such setting; did you mean ${nearest}?`;
}
