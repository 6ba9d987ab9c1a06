import { createRequire } from 'node:module';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { z } from 'zod';
import { describeError, type ModuleFaults } from './module-faults.ts';

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
  let exported: unknown;
  try {
    exported = await importFrom(module, directory);
  } catch (error) {
    throw faults.unfit(describeFailure(error, directory));
  }
  const found = namespace.safeParse(exported).data?.default;
  if (found === undefined)
    throw faults.unfit('has no function as its default export; export default openStore(context)');
  return typeof found === 'function' ? found : found.default;
}

async function importFrom(module: string, directory: string): Promise<unknown> {
  const parent = join(directory, 'keyturn');
  try {
    const path = module.startsWith('file:') ? fileURLToPath(module) : module;
    const found = createRequire(parent).resolve(path);
    return await import(isAbsolute(found) ? pathToFileURL(found).href : found);
  } catch (error) {
    if (codeOf(error) !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw error;
    // A package that is for `import` alone, which only the ES module loader finds: this one starts at `parent`.
    const importModuleDynamically = vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
    const load: unknown = vm.runInThisContext('(name) => import(name)', {
      filename: parent,
      importModuleDynamically,
    });
    return callable.parse(load)(module);
  }
}

function describeFailure(error: unknown, directory: string): string {
  const code = codeOf(error);
  // In these Node names a module and who asked for it, no more.
  if (code !== undefined && /^(MODULE_NOT_FOUND|ERR_MODULE_NOT_FOUND|ERR_PACKAGE_\w+)$/.test(code)) {
    const [line = ''] = error instanceof Error ? error.message.split('\n') : [];
    return `cannot be found from ${directory}: ${line}; a path begins with ./, a package is installed there`;
  }
  return `does not load: ${describeError(error)}; import it by node alone to see the whole error`;
}

function codeOf(error: unknown): string | undefined {
  return z.object({ code: z.string() }).safeParse(error).data?.code;
}
