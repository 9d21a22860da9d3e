import type { Counter, Family, Gauge, MetricsRegistry } from '@sallyport/kernel';

/** What the control plane counts itself. */
export interface ControlMetrics {
  readonly dropped: Counter;
  readonly internalErrors: Counter;
  readonly version: Gauge;
  readonly reloads: Family<Counter>;
  readonly takeOvers: Family<Counter>;
  readonly predecessors: Family<Counter>;
  readonly turnedAway: Family<Counter>;
  readonly workersLost: Family<Counter>;
  readonly storeLost: Counter;
  readonly storeUsed: Gauge;
  readonly auditFailed: Counter;
  readonly storeFree: Gauge;
  readonly eventsStored: Counter;
  readonly eventsDropped: Family<Counter>;
  readonly sinkLines: Family<Counter>;
  readonly sinkBytes: Family<Counter>;
  readonly sinkDropped: Family<Counter>;
  readonly sinkLag: Family<Gauge>;
}

/** Registers them. @throws Error for a registry that has them. */
export function controlMetrics(registry: MetricsRegistry): ControlMetrics {
  const metrics = register(registry);
  // Prometheus sees no increase in a counter that begins with 1.
  for (const result of ['published', 'refused']) metrics.reloads.with(result);
  for (const result of ['served', 'failed']) metrics.takeOvers.with(result);
  for (const end of ['left', 'lost']) metrics.predecessors.with(end);
  for (const cause of ['error', 'hang', 'out-of-memory', 'start']) metrics.workersLost.with(cause);
  for (const cause of ['overflow', 'quota']) {
    for (const name of ['innocent', 'evidence']) metrics.eventsDropped.with(cause, name);
  }
  return metrics;
}

function register(registry: MetricsRegistry): ControlMetrics {
  return {
    dropped: registry
      .counter('gateway_log_lines_dropped_total', 'Log lines given up because they could not be written in time.')
      .with(),
    internalErrors: registry
      .counter('sallyport_internal_errors_total', 'Errors that nobody foresaw; each is a bug.')
      .with(),
    version: registry.gauge('gateway_config_version', 'Version of the policy in force.').with(),
    reloads: registry.counter('gateway_config_reload_total', 'Tries to bring a policy into force.', ['result']),
    turnedAway: registry.counter(
      'gateway_accept_refused_total',
      'Connections that were closed as they came: `files` (file descriptors run out), `system` (the kernel does not hand them over), `workers` (nobody takes them).',
      ['listener', 'cause'],
    ),
    takeOvers: registry.counter(
      'sallyport_take_overs_total',
      'Times that another process was to take over: `served` (it does), `failed` (this one goes on).',
      ['result'],
    ),
    predecessors: registry.counter(
      'sallyport_predecessors_total',
      'Ends of processes from which this one has taken over: `left` (had nothing open any more), `lost` (ended otherwise).',
      ['end'],
    ),
    workersLost: registry.counter('gateway_workers_lost_total', 'Worker threads that ended without being told to.', [
      'cause',
    ]),
    storeLost: registry
      .counter('sallyport_store_lost_total', 'Ends of the store thread that nobody ordered; it is started again.')
      .with(),
    auditFailed: registry
      .counter('sallyport_audit_failed_total', 'Entries of the audit log that could not be stored.')
      .with(),
    storeUsed: registry.gauge('sallyport_store_used_bytes', 'What the files in the state folder hold.').with(),
    eventsStored: registry.counter('sallyport_events_stored_total', 'Events in the store.').with(),
    eventsDropped: registry.counter(
      'sallyport_events_dropped_total',
      'Events that are not in the store: `overflow` (no room on their way, which sinks do without as well, or it could not keep up), `quota` (no room left), `malformed` (a bug).',
      ['cause', 'class'],
    ),
    sinkLines: registry.counter('sallyport_sink_lines_total', 'Events written to a sink.', ['sink']),
    sinkBytes: registry.counter('sallyport_sink_bytes_total', 'Bytes written to a sink.', ['sink']),
    sinkDropped: registry.counter(
      'sallyport_sink_dropped_total',
      'Events that a sink has not got, because it was full, slow or gone.',
      ['sink', 'class'],
    ),
    sinkLag: registry.gauge('sallyport_sink_lag_seconds', 'How long the oldest event has waited for a sink.', ['sink']),
    storeFree: registry
      .gauge('sallyport_store_free_bytes', 'What the file system of the state folder has left for the gateway.')
      .with(),
  };
}
