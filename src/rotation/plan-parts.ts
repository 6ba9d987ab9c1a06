/**
 * A digest of each part of a config that must stay the same within a pass, by the name that a person knows it
 * by.
 */
export type PlanParts = Readonly<Record<string, string>>;

/**
 * Names what differs: `store`, `source and format`. Where that is not known, as an older keyturn began the
 * pass, it names all that may.
 */
export function describeDifference(began: PlanParts | null, now: PlanParts): string {
  const differing = Object.keys(now).filter((part) => began !== null && began[part] !== now[part]);
  return differing.length > 0 ? list(differing, 'and') : list(Object.keys(now), 'or');
}

function list(names: readonly string[], last: 'and' | 'or'): string {
  return [names.slice(0, -1).join(', '), ...names.slice(-1)].filter((part) => part !== '').join(` ${last} `);
}
