import { availableParallelism, freemem, totalmem } from 'node:os';
import type { Counter, Family, Gauge, MetricsRegistry } from '@sallyport/kernel';
import { bytesOf, cpuCoresMax, cpuTimes, ownGroup, throttledSeconds } from './kernel-figures.ts';
import { readIfThere } from './process-metrics.ts';

/**
 * The machine's figures, under the names that OpenTelemetry's conventions have in Prometheus, and those of the control group
 * that the process lives in. What the machine does not say has no series. Rates are the scraper's business.
 */
export function registerSystemMetrics(registry: MetricsRegistry): void {
  const cpu = registry.counter('system_cpu_time_seconds_total', 'CPU time of the machine, over all cores.', ['mode']);
  registry.gauge('system_cpu_logical_cores', 'Cores that the process may use.').with().set(availableParallelism());
  const used = registry.gauge('system_memory_usage_bytes', 'Memory of the machine that is not available.').with();
  registry.gauge('system_memory_limit_bytes', 'Memory of the machine.').with().set(totalmem());
  registry.onCollect(() => {
    for (const [mode, seconds] of cpuTimes(readIfThere('/proc/stat'))) cpu.with(mode).raiseTo(seconds);
    used.set(totalmem() - freemem());
  });
  registerGroupMetrics(registry);
}

/** A container and a unit of systemd live in one; what it is denied the machine does not show. */
function registerGroupMetrics(registry: MetricsRegistry): void {
  const families: GroupFamilies = {
    memory: registry.gauge('sallyport_cgroup_memory_bytes', 'Memory that counts for the control group of the process.'),
    memoryMax: registry.gauge('sallyport_cgroup_memory_limit_bytes', 'Memory that the control group may have.'),
    coresMax: registry.gauge('sallyport_cgroup_cpu_limit_cores', 'Cores that the control group may use at once.'),
    throttled: registry.counter(
      'sallyport_cgroup_cpu_throttled_seconds_total',
      'Time in which the control group had used up its share of the CPU and had to wait.',
    ),
  };
  const folder = ownGroup(readIfThere('/proc/self/cgroup'));
  if (folder !== undefined) registry.onCollect(() => collectGroup(folder, families));
}

interface GroupFamilies {
  readonly memory: Family<Gauge>;
  readonly memoryMax: Family<Gauge>;
  readonly coresMax: Family<Gauge>;
  readonly throttled: Family<Counter>;
}

function collectGroup(folder: string, { memory, memoryMax, coresMax, throttled }: GroupFamilies): void {
  setWhereKnown(memory, bytesOf(readIfThere(`${folder}/memory.current`)));
  setWhereKnown(memoryMax, bytesOf(readIfThere(`${folder}/memory.max`)));
  setWhereKnown(coresMax, cpuCoresMax(readIfThere(`${folder}/cpu.max`)));
  const seconds = throttledSeconds(readIfThere(`${folder}/cpu.stat`));
  if (seconds !== undefined) throttled.with().raiseTo(seconds);
}

function setWhereKnown(family: Family<Gauge>, value: number | undefined): void {
  if (value !== undefined) family.with().set(value);
}
