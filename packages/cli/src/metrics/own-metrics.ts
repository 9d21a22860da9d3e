import type { MetricsRegistry } from '@sallyport/kernel';
import { registerProcessMetrics } from './process-metrics.ts';
import { registerSystemMetrics } from './system-metrics.ts';
import { registerThreadMetrics } from './thread-metrics.ts';

/** What the main thread says of the process, of the machine and of itself. */
export function registerOwnMetrics(registry: MetricsRegistry, version: string): void {
  registerProcessMetrics(registry, version);
  registerSystemMetrics(registry);
  registerThreadMetrics(registry, 'main');
}
