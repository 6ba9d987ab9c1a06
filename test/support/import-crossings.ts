import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** The folders of `src`, and `index.ts`, with what each may import besides itself. `cli` may import all. */
export const mayImport: Readonly<Record<string, readonly string[] | 'all'>> = {
  rotation: [],
  producer: ['rotation'],
  worker: ['rotation'],
  census: ['rotation'],
  kms: ['rotation'],
  stores: ['rotation'],
  broker: ['rotation'],
  telemetry: ['rotation'],
  config: ['rotation'],
  testing: ['rotation'],
  'index.ts': ['rotation'],
  cli: 'all',
};

export function isForbidden(from: string, to: string): boolean {
  const allowed = mayImport[from] ?? [];
  return from !== to && allowed !== 'all' && !allowed.includes(to);
}

// Of `import`, `export … from`, and `import(…)` as a call or as a type.
const specifiers = /(?:\bfrom|\bimport)\s*\(?\s*(['"])(\.[^'"]*)\1/g;

/** `file -> target` of each import below `root` from a folder into one that it may not import. */
export function findCrossings(root: string): string[] {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  return files.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    return [...text.matchAll(specifiers)].flatMap(([, , specifier = '']) => {
      const target = relative(root, resolve(root, dirname(file), specifier));
      return isForbidden(topOf(file), topOf(target)) ? [`${file} -> ${target}`] : [];
    });
  });
}

function topOf(path: string): string {
  return path.split(sep)[0] ?? '';
}
