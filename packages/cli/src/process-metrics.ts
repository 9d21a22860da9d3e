import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { MetricsRegistry } from '@sallyport/kernel';

/** The process's own figures, under the names that Prometheus client libraries use. */
export function registerProcessMetrics(registry: MetricsRegistry, version: string): void {
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  delay.enable();
  const cpu = registry.counter('process_cpu_seconds_total', 'CPU time of the process, user and system.').with();
  const resident = registry.gauge('process_resident_memory_bytes', 'Resident memory.').with();
  const heap = registry.gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use.').with();
  const lag = registry.gauge('nodejs_eventloop_lag_seconds', 'Event loop delay since the last scrape.', ['quantile']);
  registry
    .gauge('process_start_time_seconds', 'Start of the process, seconds since 1970.')
    .with()
    .set(Math.round(performance.timeOrigin / 1_000));
  registry
    .gauge('sallyport_build_info', 'Always 1; the labels say what runs.', ['version', 'node'])
    .with(version, process.versions.node)
    .set(1);
  registry.onCollect(() => {
    const { user, system } = process.cpuUsage();
    const memory = process.memoryUsage();
    cpu.raiseTo((user + system) / 1e6);
    resident.set(memory.rss);
    heap.set(memory.heapUsed);
    lag.with('0.5').set(beyondResolution(delay.percentile(50)));
    lag.with('0.99').set(beyondResolution(delay.percentile(99)));
    delay.reset();
  });
}

const LOOP_RESOLUTION_MS = 20;

/** Seconds. The histogram holds the time between two ticks of its timer, so an idle loop shows the timer's own interval. */
function beyondResolution(intervalNs: number): number {
  return Math.max(0, intervalNs / 1e9 - LOOP_RESOLUTION_MS / 1_000);
}
