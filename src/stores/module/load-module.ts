import { createRequire } from 'node:module';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { z } from 'zod';
import { describeError } from './describe-error.ts';
import type { ModuleFaults } from './module-faults.ts';

type Callable = (context: unknown) => unknown;
const callable = z.custom<Callable>((value) => typeof value === 'function');
const namespace = z.object({ default: z.union([callable, z.object({ default: callable })]) });

/**
 * The function that `module` exports by default: ES module or CommonJS, also one compiled from the first into
 * the second. `module` is an absolute path, a file URL, a path that begins with a dot, or a package's name;
 * both of the last are looked up from `directory`. Throws a usage `Fault`.
 */
export async function loadModule(
  module: string,
  directory: string,
  faults: ModuleFaults,
): Promise<(context: unknown) => unknown> {
  const importModule = findModule(module, directory, faults);
  let exported: unknown;
  try {
    exported = await importModule();
  } catch (error) {
    throw faults.unfit(`does not load: ${describeFailure(error)}`);
  }
  const found = namespace.safeParse(exported).data?.default;
  if (found === undefined)
    throw faults.unfit('has no function as its default export; export default openStore(context)');
  return typeof found === 'function' ? found : found.default;
}

/** How to import the module, which is there. */
function findModule(module: string, directory: string, faults: ModuleFaults): () => Promise<unknown> {
  const parent = join(directory, 'keyturn');
  try {
    const path = module.startsWith('file:') ? fileURLToPath(module) : module;
    const found = createRequire(parent).resolve(path);
    return () => import(isAbsolute(found) ? pathToFileURL(found).href : found);
  } catch (error) {
    if (codeOf(error) === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return () => importPackage(module, parent);
    const advice = 'a path begins with ./, and a package is installed there';
    throw faults.unfit(`cannot be found from ${directory} (${codeOf(error) ?? 'no code'}): ${advice}`);
  }
}

/**
 * Imports a package that may be for `import` alone, which `require` does not find: as code at `parent` does.
 */
async function importPackage(name: string, parent: string): Promise<unknown> {
  const load: unknown = vm.runInThisContext('(name) => import(name)', {
    filename: parent,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  return callable.parse(load)(name);
}

function describeFailure(error: unknown): string {
  // In the messages of these, which are Node's, stands the name of what the module imports, and no more.
  const isNodes = /^(MODULE_NOT_FOUND|ERR_MODULE_NOT_FOUND|ERR_PACKAGE_\w+)$/.test(codeOf(error) ?? '');
  if (isNodes && error instanceof Error) return `${error.message.split('\n')[0] ?? ''}; install it`;
  return `${describeError(error)}; import it by node alone to see the whole error`;
}

function codeOf(error: unknown): string | undefined {
  return z.object({ code: z.string() }).safeParse(error).data?.code;
}
