/** Something wrong in a config: where, and in words what it is and what to do. Never holds a value. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** `store.key[1]`, as a reader of the file would name it. */
export function describePath(path: readonly PropertyKey[]): string {
  return path
    .map((step, index) =>
      typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${String(step)}`,
    )
    .join('');
}

/** Whether `path` is `other`, or lies in it. */
export function isWithin(path: readonly PropertyKey[], other: readonly PropertyKey[]): boolean {
  return other.every((step, index) => path[index] === step);
}
