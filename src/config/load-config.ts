import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Fault } from '../rotation/faults.ts';
import { characterProblems } from './character-problems.ts';
import { coerceScalars } from './coerce.ts';
import { createConfigSchema } from './config-schema.ts';
import { applyOverrides } from './env-overrides.ts';
import { errorCode, interpolate, type Surroundings } from './interpolate.ts';
import type { KeyturnConfig } from './keyturn-config.ts';
import { describePath, isWithin, type Problem } from './problem.ts';
import { readYaml } from './read-yaml.ts';
import { describeIssue, schemaProblems } from './schema-problems.ts';

export interface LoadedConfig {
  readonly config: KeyturnConfig;
  /** One line each: variables that look like overrides and are none. */
  readonly warnings: readonly string[];
}

export interface ConfigOrigin extends Surroundings {
  /** The file's name for messages. */
  readonly file: string;
  /** Where relative paths in the config begin. */
  readonly directory: string;
}

/**
 * Reads a config file (YAML or JSON), fills in placeholders and overrides from `env`, and checks it. Throws a
 * usage `Fault` CONFIG_INVALID that lists all problems, a line each: `path: problem; what to do`.
 */
export async function loadConfig(path: string, env: NodeJS.ProcessEnv = process.env): Promise<LoadedConfig> {
  const directory = dirname(resolve(path));
  const readNear = (name: string): string => decode(readFileSync(resolve(directory, name)));
  return parseConfig(await readConfigFile(path), { file: path, directory, env, readFile: readNear });
}

/** As `loadConfig`, for a text. Pure but for `readFile`. */
export function parseConfig(text: string, origin: ConfigOrigin): LoadedConfig {
  const read = readYaml(text, origin.file);
  if ('problems' in read) throw invalid(`config file ${origin.file} is not valid:`, read.problems);

  const interpolated = interpolate(read.document, origin);
  const { document, origins, warnings } = applyOverrides(interpolated.document, origin.env);
  const isOverridden = ({ path }: Problem): boolean =>
    [...origins.keys()].some((overridden) => isWithin(path, overridden.split('.')));
  const unusable = [
    ...interpolated.problems.filter((problem) => !isOverridden(problem)),
    ...characterProblems(document),
  ];

  const checked = createConfigSchema(origin.directory).safeParse(coerceScalars(document), {
    error: describeIssue,
  });
  const isKnown = ({ path }: Problem): boolean => unusable.some((problem) => isWithin(path, problem.path));
  const refused = schemaProblems(checked.error?.issues ?? []).filter((problem) => !isKnown(problem));

  const problems = [...unusable, ...refused];
  if (problems.length === 0 && checked.success) return { config: checked.data, warnings };
  throw invalid(
    `config file ${origin.file} is not valid:`,
    problems.map(({ path, message }) => {
      const variable = origins.get(path.join('.'));
      const setBy = variable === undefined ? '' : ` (set by ${variable})`;
      return `${describePath(path) || origin.file}: ${message}${setBy}`;
    }),
  );
}

async function readConfigFile(path: string): Promise<string> {
  try {
    return decode(await readFile(path));
  } catch (error) {
    const code = errorCode(error);
    throw code === 'ENOENT'
      ? invalid(`config file ${path} not found; name one with -c`)
      : invalid(`config file ${path} cannot be read (${code}); mend that or name another with -c`);
  }
}

/** A letter that is not UTF-8 would become U+FFFD in silence, also in a password. */
function decode(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw Object.assign(new Error('not UTF-8'), { code: 'not UTF-8; save it so' });
}

function invalid(heading: string, problems: readonly string[] = []): Fault {
  return new Fault('usage', 'CONFIG_INVALID', [heading, ...new Set(problems)].join('\n'));
}
