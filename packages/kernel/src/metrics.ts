/**
 * Counters, gauges and histograms in the Prometheus text format (version 0.0.4), without a dependency.
 *
 * Label values are bounded: every metric has at most `seriesMax` combinations, and what comes later is counted under the
 * label value `other`. A client can therefore never grow the exposition, whatever it sends.
 */
export class MetricsRegistry {
  readonly #metrics: Metric[] = [];

  /** @throws Error for a name that is taken or not a valid metric name. */
  counter(name: string, help: string, labels: readonly string[] = []): Family<Counter> {
    return this.#add(new Family(name, 'counter', { help, labels, make: () => new Counter() }));
  }

  gauge(name: string, help: string, labels: readonly string[] = []): Family<Gauge> {
    return this.#add(new Family(name, 'gauge', { help, labels, make: () => new Gauge() }));
  }

  /** `buckets`: upper bounds, ascending, without +Inf. */
  histogram(name: string, help: string, options: HistogramOptions): Family<Histogram> {
    const make = (): Histogram => new Histogram(options.buckets);
    return this.#add(new Family(name, 'histogram', { help, labels: options.labels ?? [], make }));
  }

  /** Calls `read` at each exposition, so that a gauge need not be kept up to date between two scrapes. */
  onCollect(read: () => void): void {
    this.#collectors.push(read);
  }

  /** The exposition. */
  render(): string {
    for (const read of this.#collectors) read();
    return `${this.#metrics.map((metric) => metric.render()).join('\n')}\n`;
  }

  /** Names of all metrics, for documentation and tests. */
  names(): readonly string[] {
    return this.#metrics.map((metric) => metric.name);
  }

  readonly #collectors: (() => void)[] = [];

  #add<T extends Metric>(metric: T): T {
    if (this.#metrics.some(({ name }) => name === metric.name)) throw new Error(`metric ${metric.name} exists`);
    if (!/^[a-z][a-z0-9_]*$/.test(metric.name)) throw new Error(`metric name ${metric.name} is not valid`);
    this.#metrics.push(metric);
    return metric;
  }
}

export interface HistogramOptions {
  readonly buckets: readonly number[];
  readonly labels?: readonly string[];
}

interface Metric {
  readonly name: string;
  render(): string;
}

interface Child {
  render(name: string, labels: string): string;
}

/** Most label combinations of one metric; see the class comment above. */
export const SERIES_MAX = 500;

/** One metric with all its label combinations. */
export class Family<T extends Child> implements Metric {
  readonly name: string;
  readonly #type: string;
  readonly #help: string;
  readonly #labels: readonly string[];
  readonly #make: () => T;
  readonly #children = new Map<string, T>();

  constructor(name: string, type: string, options: { help: string; labels: readonly string[]; make: () => T }) {
    this.name = name;
    this.#type = type;
    this.#help = options.help;
    this.#labels = options.labels;
    this.#make = options.make;
  }

  /** The series of these label values, one per label and in order. Keep the result where it is used often. */
  with(...values: readonly string[]): T {
    const key = this.#key(values);
    const known = this.#children.get(key);
    if (known !== undefined) return known;
    const bounded = this.#children.size < SERIES_MAX ? key : this.#key(this.#labels.map(() => 'other'));
    const existing = this.#children.get(bounded);
    if (existing !== undefined) return existing;
    const child = this.#make();
    this.#children.set(bounded, child);
    return child;
  }

  /** Forgets a series, for example of a server that left. */
  remove(...values: readonly string[]): void {
    this.#children.delete(this.#key(values));
  }

  render(): string {
    const lines = [`# HELP ${this.name} ${this.#help}`, `# TYPE ${this.name} ${this.#type}`];
    for (const [labels, child] of this.#children) lines.push(child.render(this.name, labels));
    return lines.join('\n');
  }

  #key(values: readonly string[]): string {
    return this.#labels.map((label, index) => `${label}="${escapeLabel(values[index] ?? '')}"`).join(',');
  }
}

export class Counter implements Child {
  #value = 0;

  /** Adds `by`, which is not negative. */
  add(by = 1): void {
    this.#value += by;
  }

  /** For a count that is kept elsewhere: takes over its value, which never falls. */
  raiseTo(value: number): void {
    this.#value = Math.max(this.#value, value);
  }

  get value(): number {
    return this.#value;
  }

  render(name: string, labels: string): string {
    return sample(name, labels, this.#value);
  }
}

export class Gauge implements Child {
  #value = 0;

  set(value: number): void {
    this.#value = value;
  }

  add(by = 1): void {
    this.#value += by;
  }

  get value(): number {
    return this.#value;
  }

  render(name: string, labels: string): string {
    return sample(name, labels, this.#value);
  }
}

export class Histogram implements Child {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count += 1;
    const index = this.#bounds.findIndex((bound) => value <= bound);
    if (index !== -1) this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  get count(): number {
    return this.#count;
  }

  render(name: string, labels: string): string {
    const prefix = labels === '' ? '' : `${labels},`;
    let cumulative = 0;
    const lines = this.#bounds.map((bound, index) => {
      cumulative += this.#counts[index] ?? 0;
      return sample(`${name}_bucket`, `${prefix}le="${bound}"`, cumulative);
    });
    lines.push(sample(`${name}_bucket`, `${prefix}le="+Inf"`, this.#count));
    lines.push(sample(`${name}_sum`, labels, this.#sum), sample(`${name}_count`, labels, this.#count));
    return lines.join('\n');
  }
}

function sample(name: string, labels: string, value: number): string {
  return labels === '' ? `${name} ${value}` : `${name}{${labels}} ${value}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
