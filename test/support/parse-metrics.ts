/** One line of what Prometheus scrapes. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Scrape {
  readonly series: readonly Series[];
  /** The type of each metric by its name. */
  readonly types: ReadonlyMap<string, string>;
  /** The one series of this name that has these labels, among others. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
}

/** Reads the text exposition format 0.0.4; throws on a line that is none of it. */
export function parseMetrics(text: string): Scrape {
  const types = new Map<string, string>();
  const series: Series[] = [];
  for (const line of text.split('\n')) {
    const [, typed, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (typed !== undefined && type !== undefined) types.set(typed, type);
    if (line === '' || line.startsWith('#')) continue;
    const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error(`not a line of metrics: ${line}`);
    series.push({ name, labels: parseLabels(labels), value: value === '+Inf' ? Infinity : Number(value) });
  }
  return {
    series,
    types,
    value(name, labels = {}) {
      const found = series.filter(
        (each) =>
          each.name === name && Object.entries(labels).every(([key, want]) => each.labels[key] === want),
      );
      if (found.length > 1) throw new Error(`several series ${name} with ${JSON.stringify(labels)}`);
      return found[0]?.value;
    },
  };
}

function parseLabels(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, value]) => [key, value]),
  );
}
