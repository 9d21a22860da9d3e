/**
 * The composition root: the one file that knows every package and joins them.
 */
import { hostname } from 'node:os';
import { createOperationsServer, type OperationsServer, type SallyportConfig } from '@sallyport/control';
import { compilePolicy, Gateway } from '@sallyport/gateway';
import { type Clock, type EventSink, type ListenAddress, type Log, MetricsRegistry } from '@sallyport/kernel';
import { openPino } from '@sallyport/stores';
import { registerProcessMetrics } from './process-metrics.ts';
import { VERSION } from './version.ts';

export interface ServeOptions {
  /** Sees every event after the log has; for the demo's screen. */
  readonly alsoTo?: EventSink;
}

/** A running gateway. */
export interface Serving {
  readonly log: Log;
  /** Where the listeners really are. */
  readonly addresses: ReadonlyMap<string, ListenAddress>;
  /** Where metrics and health are served; undefined when they are not. */
  readonly operations: OperationsAddress | undefined;
  /** Counts an error that nobody foresaw; see `run`. */
  onInternalError(cause: unknown): void;
  /** Cuts what is in progress, records it, and writes the lines of the log that still wait: an end without a drain. */
  abort(): Promise<void>;
  /** Drains and stops; resolves when nothing is left and everything is written. */
  stop(): Promise<void>;
}

/** Where the operations listener is; a listener's address is one too. */
export type OperationsAddress = Awaited<ReturnType<OperationsServer['listen']>>;

/** Starts everything a configuration asks for. @throws Error when an address or the log file cannot be had. */
export async function serve(config: SallyportConfig, options: ServeOptions = {}): Promise<Serving> {
  const registry = new MetricsRegistry();
  registerProcessMetrics(registry, VERSION);
  const dropped = registry
    .counter('gateway_log_lines_dropped_total', 'Log lines given up because they could not be written in time.')
    .with();
  const internalErrors = registry
    .counter('sallyport_internal_errors_total', 'Errors that nobody foresaw; each is a bug.')
    .with();
  const version = registry.gauge('gateway_config_version', 'Version of the policy in force.').with();
  const { destination, level } = config.log;
  const output = openPino({
    level,
    file: destination.kind === 'file' ? destination.path : undefined,
    onDropped: (lines) => dropped.add(lines),
  });
  const sink = options.alsoTo === undefined ? output.sink : both(output.sink, options.alsoTo);
  const gateway = new Gateway(compilePolicy(config.gateway, FIRST_VERSION), {
    node: hostname(),
    sink,
    metrics: registry,
    log: output.log,
    clock: systemClock,
  });
  version.set(FIRST_VERSION);
  let operations: OperationsServer | undefined;
  let operationsAddress: OperationsAddress | undefined;
  try {
    if (config.operations !== undefined) {
      operations = createOperationsServer({
        config: config.operations,
        metrics: () => registry.render(),
        readiness: () => gateway.readiness(),
      });
      operationsAddress = await operations.listen();
    }
    await gateway.listen();
  } catch (cause) {
    await operations?.close();
    gateway.close();
    await output.flush();
    throw cause;
  }
  return {
    log: output.log,
    addresses: gateway.addresses(),
    operations: operationsAddress,
    onInternalError: (cause) => {
      internalErrors.add();
      output.log.error('an error that nobody foresaw', { error: cause });
    },
    abort: () => {
      gateway.close();
      return output.flush();
    },
    stop: async () => {
      await gateway.drain();
      await operations?.close();
      await output.flush();
    },
  };
}

const FIRST_VERSION = 1;

const systemClock: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

function both(first: EventSink, second: EventSink): EventSink {
  return {
    emit: (event) => {
      first.emit(event);
      second.emit(event);
    },
  };
}
