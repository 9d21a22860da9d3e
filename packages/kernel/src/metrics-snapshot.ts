/** How the values that several workers have for one gauge become one: counters and histograms always add. */
export type MergeRule = 'sum' | 'max' | 'min' | 'perWorker';

/** All values of a registry at one moment, as plain data that may cross threads. */
export type MetricsSnapshot = readonly FamilySnapshot[];

export interface FamilySnapshot {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly merge: MergeRule;
  /** Names of the labels. */
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, without +Inf; empty for the other types. */
  readonly bounds: readonly number[];
  readonly series: readonly SeriesSnapshot[];
}

export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface SeriesSnapshot {
  /** Names and values as they stand in an exposition, '' without any. */
  readonly labels: string;
  /** One value; of a histogram the count of each bucket alone, then the sum and the count of all. */
  readonly values: readonly number[];
}

/** The Prometheus text format, version 0.0.4. */
export function renderMetrics(snapshot: MetricsSnapshot): string {
  return `${snapshot.map(renderFamily).join('\n')}\n`;
}

/** Label names with their values, as they stand in an exposition. */
export function labelText(names: readonly string[], values: readonly string[]): string {
  return names.map((name, index) => `${name}="${escapeLabel(values[index] ?? '')}"`).join(',');
}

function renderFamily({ name, type, help, bounds, series }: FamilySnapshot): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
  for (const { labels, values } of series) {
    if (type === 'histogram') lines.push(...renderHistogram(name, bounds, { labels, values }));
    else lines.push(sample(name, labels, values[0] ?? 0));
  }
  return lines.join('\n');
}

function renderHistogram(name: string, bounds: readonly number[], series: SeriesSnapshot): readonly string[] {
  const { labels, values } = series;
  const prefix = labels === '' ? '' : `${labels},`;
  const [sum = 0, count = 0] = values.slice(bounds.length);
  let cumulative = 0;
  const lines = bounds.map((bound, index) => {
    cumulative += values[index] ?? 0;
    return sample(`${name}_bucket`, `${prefix}le="${bound}"`, cumulative);
  });
  lines.push(sample(`${name}_bucket`, `${prefix}le="+Inf"`, count));
  lines.push(sample(`${name}_sum`, labels, sum), sample(`${name}_count`, labels, count));
  return lines;
}

function sample(name: string, labels: string, value: number): string {
  return labels === '' ? `${name} ${value}` : `${name}{${labels}} ${value}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
