/**
 * A histogram of seconds that is a row of numbers until Prometheus looks. For what is seen with each call of the KMS:
 * prom-client checks and joins the labels and looks a bucket up by its text each time, a twentieth of what a record costs.
 */
export interface SecondsHistogram {
  observe(seconds: number): void;
  /** In Prometheus' text format, with the line break behind it. */
  render(): string;
}

/** `bounds` ascend; labels are the same for all that is seen, their values without quotes, backslashes and breaks. */
export function createSecondsHistogram(
  name: string,
  help: string,
  bounds: readonly number[],
  labels: Readonly<Record<string, string>>,
): SecondsHistogram {
  /** How often each bucket was hit, not those below it; the last is for all above. */
  const hits = new Float64Array(bounds.length + 1);
  let sum = 0;
  const common = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);

  function bucketOf(seconds: number): number {
    let place = 0;
    while (seconds > (bounds[place] ?? Infinity)) place += 1;
    return place;
  }
  function line(suffix: string, own: readonly string[], value: number): string {
    return `${name}_${suffix}{${[...own, ...common].join(',')}} ${value}\n`;
  }

  return {
    observe(seconds) {
      const place = bucketOf(seconds);
      hits[place] = (hits[place] ?? 0) + 1;
      sum += seconds;
    },
    render() {
      let count = 0;
      let text = `# HELP ${name} ${help}\n# TYPE ${name} histogram\n`;
      for (const [place, hit] of hits.entries()) {
        count += hit;
        text += line('bucket', [`le="${bounds[place] ?? '+Inf'}"`], count);
      }
      return text + line('sum', [], sum) + line('count', [], count);
    },
  };
}
