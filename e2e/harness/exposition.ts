/** One series of an exposition. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric as its HELP and TYPE lines introduce it. */
export interface MetricFamily {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** What a scrape says. */
export class Exposition {
  readonly families: ReadonlyMap<string, MetricFamily>;

  constructor(families: ReadonlyMap<string, MetricFamily>) {
    this.families = families;
  }

  get samples(): readonly Sample[] {
    return [...this.families.values()].flatMap((family) => family.samples);
  }

  /** The sum of all series of a name that have these labels; 0 when there are none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.samples
      .filter(
        (sample) => sample.name === name && Object.entries(labels).every(([key, at]) => sample.labels[key] === at),
      )
      .reduce((sum, sample) => sum + sample.value, 0);
  }
}

/**
 * Reads the Prometheus text format, version 0.0.4, as strictly as it is written: HELP and TYPE once and before all samples
 * of a metric, its samples together, no series twice, buckets that rise to `+Inf`, counters that end in `_total`.
 *
 * @throws SyntaxError with the line.
 */
export function parseExposition(text: string): Exposition {
  if (!text.endsWith('\n')) throw new SyntaxError('the last line does not end');
  const families = new Map<string, Family>();
  let current: Family | undefined;
  for (const [index, line] of text.slice(0, -1).split('\n').entries()) {
    const fail = (what: string): never => {
      throw new SyntaxError(`line ${index + 1}: ${what}: ${line}`);
    };
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/.exec(line);
    if (help !== null) {
      const [, name = '', words = ''] = help;
      if (families.has(name)) fail('a second HELP, or samples that do not stand together');
      current = new Family(name, words);
      families.set(name, current);
    } else if (type !== null) {
      if (current === undefined || current.name !== type[1] || current.type !== undefined) fail('a TYPE out of place');
      current?.become(type[2] ?? '');
    } else {
      if (current?.type === undefined) fail('a sample without HELP and TYPE');
      const complaint = current?.add(line);
      if (complaint !== undefined) fail(complaint);
    }
  }
  return new Exposition(new Map([...families].map(([name, family]) => [name, family.finish()])));
}

/** A family while it is read. */
class Family {
  readonly name: string;
  readonly #help: string;
  readonly #samples: Sample[] = [];
  readonly #seen = new Set<string>();
  type: MetricFamily['type'] | undefined;

  constructor(name: string, help: string) {
    this.name = name;
    this.#help = help;
  }

  become(type: string): void {
    if (type === 'counter' || type === 'gauge' || type === 'histogram') this.type = type;
  }

  /** Answers what is wrong with the line. */
  add(line: string): string | undefined {
    const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) return 'not a sample';
    const [, name = '', labelText = '', valueText = ''] = match;
    if (!this.#isOwn(name)) return `not a sample of ${this.name}`;
    const labels = parseLabels(labelText);
    if (labels === undefined) return 'labels that cannot be read';
    const value = valueText === '+Inf' ? Number.POSITIVE_INFINITY : Number(valueText);
    if (!/^(?:\+Inf|-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)$/.test(valueText)) return 'a value that is no number';
    const key = `${name}${JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`;
    if (this.#seen.has(key)) return 'the same series twice';
    this.#seen.add(key);
    this.#samples.push({ name, labels, value });
    return undefined;
  }

  finish(): MetricFamily {
    const { name, type } = this;
    if (type === undefined) throw new SyntaxError(`${name} has no TYPE`);
    if (type === 'counter' && !name.endsWith('_total')) throw new SyntaxError(`the counter ${name} is not a _total`);
    if (type === 'counter' && this.#samples.some(({ value }) => value < 0))
      throw new SyntaxError(`the counter ${name} is negative`);
    if (type === 'histogram') this.#checkBuckets();
    return { name, type, help: this.#help, samples: this.#samples };
  }

  #isOwn(name: string): boolean {
    if (this.type !== 'histogram') return name === this.name;
    return ['_bucket', '_sum', '_count'].some((ending) => name === `${this.name}${ending}`);
  }

  #checkBuckets(): void {
    const bySeries = Map.groupBy(
      this.#samples.filter(({ name }) => name.endsWith('_bucket')),
      ({ labels }) => JSON.stringify({ ...labels, le: undefined }),
    );
    for (const [series, buckets] of bySeries) {
      const bounds = buckets.map(({ labels }) => Number(labels['le']?.replace('+Inf', 'Infinity')));
      const counts = buckets.map(({ value }) => value);
      const isRising = (values: readonly number[]): boolean =>
        values.every((value, index) => index === 0 || value >= (values[index - 1] ?? 0));
      if (!isRising(bounds) || !isRising(counts) || bounds.at(-1) !== Number.POSITIVE_INFINITY)
        throw new SyntaxError(`the buckets of ${this.name} ${series} do not rise to +Inf`);
      const total = this.#samples.find(
        ({ name, labels }) => name === `${this.name}_count` && JSON.stringify(labels) === series,
      );
      if (total?.value !== counts.at(-1)) throw new SyntaxError(`${this.name}_count ${series} is not its last bucket`);
    }
  }
}

/** Undefined for labels that are not written as the format says. */
function parseLabels(text: string): Readonly<Record<string, string>> | undefined {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== '') {
    const match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/.exec(rest);
    const [whole = '', name = '', value = ''] = match ?? [];
    if (match === null || name in labels) return undefined;
    labels[name] = value.replaceAll(/\\([\\"n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
    rest = rest.slice(whole.length);
  }
  return labels;
}
