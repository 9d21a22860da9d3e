import { constants, monitorEventLoopDelay, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Histogram, MetricsRegistry } from '@sallyport/kernel';

/**
 * Figures of the thread that calls: each worker has a heap and an event loop of its own, and so has the control plane.
 * `worker`: its name, the value of the label `worker`.
 */
export function registerThreadMetrics(registry: MetricsRegistry, worker: string): void {
  const heap = registry.gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use.').mergedBy('perWorker').with();
  const heapMax = registry
    .gauge('nodejs_heap_size_limit_bytes', 'The least JavaScript heap that a thread may have before it ends.')
    .mergedBy('min')
    .with();
  const external = registry
    .gauge('nodejs_external_memory_bytes', 'Memory of buffers outside of the heap, over all threads.')
    .with();
  const cpu = registry
    .counter('nodejs_thread_cpu_seconds_total', 'CPU time of one thread, user and system.', ['worker'])
    .with(worker);
  registerLoopMetrics(registry, worker);
  observeCollections(registry);
  registry.onCollect(() => {
    const statistics = getHeapStatistics();
    heap.set(statistics.used_heap_size);
    heapMax.set(statistics.heap_size_limit);
    external.set(statistics.external_memory);
    const { user, system } = process.threadCpuUsage();
    cpu.raiseTo((user + system) / 1e6);
  });
}

function registerLoopMetrics(registry: MetricsRegistry, worker: string): void {
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  delay.enable();
  const lag = registry
    .gauge('nodejs_eventloop_lag_seconds', 'Event loop delay since the last scrape.', ['quantile'])
    .mergedBy('perWorker');
  const active = registry
    .counter(
      'nodejs_eventloop_active_seconds_total',
      'Time that an event loop did not wait; its rate is the utilization.',
      ['worker'],
    )
    .with(worker);
  registry.onCollect(() => {
    lag.with('0.5').set(beyondResolution(delay.percentile(50)));
    lag.with('0.99').set(beyondResolution(delay.percentile(99)));
    delay.reset();
    active.raiseTo(performance.eventLoopUtilization().active / 1_000);
  });
}

const LOOP_RESOLUTION_MS = 20;

/** Seconds. The histogram holds the time between two ticks of its timer, so an idle loop shows the timer's own interval. */
function beyondResolution(intervalNs: number): number {
  return Math.max(0, intervalNs / 1e9 - LOOP_RESOLUTION_MS / 1_000);
}

/** Pauses for garbage collection. */
function observeCollections(registry: MetricsRegistry): void {
  const pauses = registry.histogram('nodejs_gc_duration_seconds', 'Garbage collection by kind, over all threads.', {
    buckets: GC_BUCKETS,
    labels: ['kind'],
  });
  const known = new Map(Array.from(GC_KINDS, ([number, kind]) => [number, pauses.with(kind)]));
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) seriesOf(entry, known)?.observe(entry.duration / 1_000);
  }).observe({ entryTypes: ['gc'] });
}

/** Seconds. A minor collection takes about one millisecond. */
const GC_BUCKETS = [0.001, 0.01, 0.1, 1];

const GC_KINDS: ReadonlyMap<number, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weak-callbacks'],
]);

function seriesOf(entry: PerformanceEntry, known: ReadonlyMap<number, Histogram>): Histogram | undefined {
  const detail: unknown = Reflect.get(entry, 'detail');
  const kind: unknown = typeof detail === 'object' && detail !== null ? Reflect.get(detail, 'kind') : undefined;
  return typeof kind === 'number' ? known.get(kind) : undefined;
}
