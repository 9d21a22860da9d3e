import { SERIES_MAX } from './metrics.ts';
import {
  type FamilySnapshot,
  labelText,
  type MergeRule,
  type MetricsSnapshot,
  renderMetrics,
} from './metrics-snapshot.ts';

/**
 * The metrics of several workers as one exposition.
 *
 * Counters and histograms add up over all workers there are and all there have been: what a worker had counted in its last
 * snapshot stays when it ends, so that no counter falls. Gauges add up over the living, unless they were declared otherwise.
 */
export class MergedMetrics {
  readonly #latest = new Map<string, MetricsSnapshot>();
  #retained: MetricsSnapshot = [];
  #inherited: MetricsSnapshot = [];
  readonly #admitted = new Map<string, Set<string>>();
  /** Lines that everything admitted has in an exposition. */
  #lines = 0;
  /** The totals of the last snapshot, by family and series. */
  readonly #shown = new Map<string, Map<string, readonly number[]>>();

  /** Takes over what a worker has now. `worker` is its place, and the value of the label `worker` where there is one. */
  update(worker: string, snapshot: MetricsSnapshot): void {
    this.#latest.set(worker, snapshot);
  }

  /** A worker has ended: its totals are kept, its gauges are not, and its place is free for another one. */
  retire(worker: string): void {
    const last = this.#latest.get(worker);
    if (last === undefined) return;
    this.#latest.delete(worker);
    const totals = last.filter(({ type }) => type !== 'gauge');
    this.#retained = this.#merge([
      { worker: '', snapshot: this.#retained },
      { worker, snapshot: totals },
    ]);
  }

  /** What a process before this one has counted, in the place of what it had before: it goes on here. */
  inherit(snapshot: MetricsSnapshot): void {
    this.#inherited = snapshot;
  }

  /** Everything together; `own` is what this thread counts itself. */
  snapshot(own: MetricsSnapshot = []): MetricsSnapshot {
    const workers = [...this.#latest].map(([worker, snapshot]) => ({ worker, snapshot }));
    const merged = this.#merge([
      { worker: 'main', snapshot: own },
      { worker: '', snapshot: this.#retained },
      ...workers,
      { worker: '', snapshot: this.#inherited, isForeign: true },
    ]);
    return merged.map((family) => (family.type === 'gauge' ? family : this.#notFallen(family)));
  }

  /** The exposition of everything together. */
  render(own: MetricsSnapshot = []): string {
    return renderMetrics(this.snapshot(own));
  }

  /** @throws Error when two workers disagree on what a metric is. */
  #merge(sources: readonly Source[]): MetricsSnapshot {
    const merged = new Map<string, Merged>();
    for (const { worker, snapshot, isForeign = false } of sources) {
      for (const family of snapshot) {
        const target = merged.get(family.name) ?? { family, series: new Map<string, readonly number[]>() };
        const isSame = shapeOf(target.family) === shapeOf(family);
        // Another release may have counted something else under that name.
        if (!isSame && isForeign) continue;
        if (!isSame) throw new Error(`workers disagree on metric ${family.name}`);
        merged.set(family.name, target);
        this.#add(target, family, worker);
      }
    }
    return [...merged.values()].map(({ family, series }) => ({
      ...family,
      series: [...series].map(([labels, values]) => ({ labels, values })),
    }));
  }

  #add({ series }: Merged, family: FamilySnapshot, worker: string): void {
    for (const { labels, values } of family.series) {
      const key = this.#keyOf(family, labels, worker);
      const before = series.get(key);
      series.set(key, before === undefined ? values : combined(before, values, family.merge));
    }
  }

  /**
   * Sums of fractions depend in their last bit on the order of the workers, and the order changes when one ends. Prometheus
   * takes a counter that falls, by however little, for one that began again at 0, and counts all of it a second time.
   */
  #notFallen(family: FamilySnapshot): FamilySnapshot {
    const shown = this.#shown.get(family.name) ?? new Map<string, readonly number[]>();
    this.#shown.set(family.name, shown);
    const series = family.series.map(({ labels, values }) => {
      const before = shown.get(labels);
      const now = before === undefined ? values : combined(before, values, 'max');
      shown.set(labels, now);
      return { labels, values: now };
    });
    return { ...family, series };
  }

  /**
   * Each worker bounds its own series, but there may be any number of workers, they come and go, and their totals stay. So
   * there are bounds here too, and once a series is admitted it stays: one that moved into `other` would fall.
   */
  #keyOf(family: FamilySnapshot, labels: string, worker: string): string {
    if (family.merge === 'perWorker') {
      const own = labelText(['worker'], [worker]);
      return labels === '' ? own : `${labels},${own}`;
    }
    if (family.type === 'gauge') return labels;
    const admitted = this.#admitted.get(family.name) ?? new Set();
    this.#admitted.set(family.name, admitted);
    if (admitted.has(labels)) return labels;
    const lines = linesOf(family);
    const isFull = (admitted.size + 1) * lines > FAMILY_LINES_MAX || this.#lines + lines > MERGED_LINES_MAX;
    // A single series has no other, and each family has room for one: so none can be kept out by the rest.
    if (admitted.size >= SERIES_MAX || (isFull && admitted.size > 0)) return otherOf(family);
    admitted.add(labels);
    this.#lines += lines;
    return labels;
  }
}

/**
 * Most lines of one family and of all counters and histograms, over all workers there ever were. The exposition stays
 * below 2,000 (R0.18): the rest is for gauges and for `other`. No family, whatever a client makes of it, takes the room
 * of all others.
 */
const FAMILY_LINES_MAX = 1_000;
const MERGED_LINES_MAX = 1_600;

/** What one label combination is in an exposition; a histogram adds +Inf, the sum and the count to its buckets. */
function linesOf({ type, bounds }: FamilySnapshot): number {
  return type === 'histogram' ? bounds.length + 3 : 1;
}

interface Source {
  readonly worker: string;
  readonly snapshot: MetricsSnapshot;
  /** Of a process that may be of another release. */
  readonly isForeign?: boolean;
}

interface Merged {
  readonly family: FamilySnapshot;
  readonly series: Map<string, readonly number[]>;
}

function otherOf({ labels }: FamilySnapshot): string {
  return labelText(
    labels,
    labels.map(() => 'other'),
  );
}

function combined(one: readonly number[], other: readonly number[], rule: MergeRule): readonly number[] {
  if (rule === 'max') return one.map((value, index) => Math.max(value, other[index] ?? value));
  if (rule === 'min') return one.map((value, index) => Math.min(value, other[index] ?? value));
  return one.map((value, index) => value + (other[index] ?? 0));
}

function shapeOf({ type, merge, labels, bounds }: FamilySnapshot): string {
  return `${type} ${merge} ${labels.join()} ${bounds.join()}`;
}
