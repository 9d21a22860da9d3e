/** Files in which Linux says what a machine and a control group do: proc(5) and the kernel's document on control groups, version 2. */

/** Seconds that all cores spent in each mode, from /proc/stat; none when it is not there. */
export function cpuTimes(stat: string | undefined): ReadonlyMap<string, number> {
  const [, line] = /^cpu +([0-9 ]+)$/m.exec(stat ?? '') ?? [];
  const ticks = line === undefined ? [] : line.split(' ').map(Number);
  return new Map(CPU_MODES.slice(0, ticks.length).map((mode, place) => [mode, (ticks[place] ?? 0) / TICKS_PER_SECOND]));
}

/** In the order of proc(5). What guests take is in `user` already. */
const CPU_MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'];

/** USER_HZ, which is the same on every architecture that Node.js runs on. */
const TICKS_PER_SECOND = 100;

/** The folder of a control group of version 2, from /proc/self/cgroup; undefined for version 1 and outside of Linux. */
export function ownGroup(cgroup: string | undefined): string | undefined {
  const [, path] = /^0::(\/.*)$/m.exec(cgroup ?? '') ?? [];
  // `..` stands there when the group lies outside of what a container sees.
  if (path === undefined || path.includes('..')) return undefined;
  return `/sys/fs/cgroup${path === '/' ? '' : path}`;
}

/** Bytes, from memory.current and memory.max; undefined for `max`, which is no limit. */
export function bytesOf(text: string | undefined): number | undefined {
  return /^[0-9]+\s*$/.test(text ?? '') ? Number(text) : undefined;
}

/** From cpu.max: quota and period in microseconds; undefined for no limit. */
export function cpuCoresMax(text: string | undefined): number | undefined {
  const [, quota, period] = /^([0-9]+) ([1-9][0-9]*)\s*$/.exec(text ?? '') ?? [];
  return quota === undefined || period === undefined ? undefined : Number(quota) / Number(period);
}

/** From cpu.stat; undefined where the CPU controller is off. */
export function throttledSeconds(text: string | undefined): number | undefined {
  const [, microseconds] = /^throttled_usec ([0-9]+)$/m.exec(text ?? '') ?? [];
  return microseconds === undefined ? undefined : Number(microseconds) / 1e6;
}
