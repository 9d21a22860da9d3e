import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { MetricsRegistry } from '@sallyport/kernel';

/** The process's own figures, under the names that Prometheus client libraries use. What Linux alone says is left out elsewhere. */
export function registerProcessMetrics(registry: MetricsRegistry, version: string): void {
  const cpu = registry.counter('process_cpu_seconds_total', 'CPU time of the process, user and system.').with();
  const resident = registry.gauge('process_resident_memory_bytes', 'Resident memory.').with();
  const openFiles = registry.gauge('process_open_fds', 'Open file descriptors: sockets, files, pipes.');
  const limit = registry.gauge('process_max_fds', 'Most file descriptors that may be open.');
  const most = filesMax();
  if (most !== undefined) limit.with().set(most);
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
    cpu.raiseTo((user + system) / 1e6);
    resident.set(process.memoryUsage.rss());
    const open = countOpenFiles();
    if (open !== undefined) openFiles.with().set(open);
  });
}

/** File descriptors that are open in this process; undefined where nobody can say. */
export function countOpenFiles(): number | undefined {
  try {
    // Linux 6.2 and later has the count as the folder's size; before that somebody has to look at each.
    const { size } = statSync(OPEN_FILES);
    // Reading the folder opens one.
    return size > 0 ? size : readdirSync(OPEN_FILES).length - 1;
  } catch {
    return undefined;
  }
}

const OPEN_FILES = '/proc/self/fd';

/** File descriptors that may be open; undefined where nobody can say, and where there is no limit. */
export function filesMax(): number | undefined {
  return filesMaxOf(readIfThere('/proc/self/limits'));
}

/** The soft limit in /proc/self/limits; undefined when there is none. Node.js has raised it to the hard one. */
export function filesMaxOf(limits: string | undefined): number | undefined {
  const [, max] = /^Max open files +([0-9]+) /m.exec(limits ?? '') ?? [];
  return max === undefined ? undefined : Number(max);
}

/** Undefined for a file that is not there, or not for us. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
