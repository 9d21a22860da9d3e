import {
  type FamilySnapshot,
  labelText,
  type MergeRule,
  type MetricsSnapshot,
  type MetricType,
  renderMetrics,
} from './metrics-snapshot.ts';

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
    return this.#add(new Family(name, 'counter', { help, labels, bounds: [], make: () => new Counter() }));
  }

  gauge(name: string, help: string, labels: readonly string[] = []): Family<Gauge> {
    return this.#add(new Family(name, 'gauge', { help, labels, bounds: [], make: () => new Gauge() }));
  }

  /** `buckets`: upper bounds, ascending, without +Inf. */
  histogram(name: string, help: string, options: HistogramOptions): Family<Histogram> {
    const bounds = options.buckets;
    const make = (): Histogram => new Histogram(bounds);
    return this.#add(new Family(name, 'histogram', { help, labels: options.labels ?? [], bounds, make }));
  }

  /** Calls `read` at each exposition, so that a gauge need not be kept up to date between two scrapes. */
  onCollect(read: () => void): void {
    this.#collectors.push(read);
  }

  /** All values now, as plain data. */
  snapshot(): MetricsSnapshot {
    for (const read of this.#collectors) read();
    return this.#metrics.map((metric) => metric.snapshot());
  }

  /** The exposition. */
  render(): string {
    return renderMetrics(this.snapshot());
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
  snapshot(): FamilySnapshot;
}

interface Child {
  /** As a snapshot holds them. */
  readonly values: readonly number[];
}

interface FamilyOptions<T> {
  readonly help: string;
  readonly labels: readonly string[];
  readonly bounds: readonly number[];
  readonly make: () => T;
}

/** Most label combinations of one metric; see the class comment above. */
export const SERIES_MAX = 500;

/** One metric with all its label combinations. */
export class Family<T extends Child> implements Metric {
  readonly name: string;
  readonly #type: MetricType;
  readonly #help: string;
  readonly #labels: readonly string[];
  readonly #bounds: readonly number[];
  readonly #make: () => T;
  readonly #children = new Map<string, T>();
  #merge: MergeRule = 'sum';

  constructor(name: string, type: MetricType, options: FamilyOptions<T>) {
    this.name = name;
    this.#type = type;
    this.#help = options.help;
    this.#labels = options.labels;
    this.#bounds = options.bounds;
    this.#make = options.make;
  }

  /** Declares a gauge that does not add up over workers. @throws Error for a counter or a histogram, which always do. */
  mergedBy(rule: MergeRule): this {
    if (this.#type !== 'gauge') throw new Error(`${this.name} is a ${this.#type} and adds up`);
    this.#merge = rule;
    return this;
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

  snapshot(): FamilySnapshot {
    return {
      name: this.name,
      type: this.#type,
      help: this.#help,
      merge: this.#merge,
      labels: this.#labels,
      bounds: this.#bounds,
      series: Array.from(this.#children, ([labels, { values }]) => ({ labels, values })),
    };
  }

  #key(values: readonly string[]): string {
    return labelText(this.#labels, values);
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

  get values(): readonly number[] {
    return [this.#value];
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

  get values(): readonly number[] {
    return [this.#value];
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

  get values(): readonly number[] {
    return [...this.#counts, this.#sum, this.#count];
  }
}
