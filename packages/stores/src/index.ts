/**
 * Drivers behind kernel ports. The log has a door of its own, `stores/log`.
 *
 * @module
 */

export { openChannel } from './channels/open-channel.ts';
export type { ChannelOptions } from './channels/webhook.ts';
export {
  type ErrorReport,
  ErrorReporter,
  type ErrorReporterOptions,
  REPORT_DROPS,
  type ReportDrop,
} from './error-reports/error-reporter.ts';
export { EventIntake, type EventIntakeOptions } from './events/event-intake.ts';
export {
  type EventRange,
  type Gaps,
  type OverviewAnswer,
  type OverviewRequest,
  type OverviewStep,
  type OverviewSums,
  SEARCH_EVENTS_MAX,
  type SearchAnswer,
  type SearchRequest,
  TOP_VALUES_MAX,
  type TopAnswer,
  type TopRequest,
} from './events/event-query.ts';
export { EventReader, type EventReaderOptions } from './events/event-reader.ts';
export { type Appended, EventWriter, type EventWriterOptions } from './events/event-writer.ts';
export type { StoredEvent } from './events/flat-fields.ts';
export { cursorOf, type Moment, parseCursor } from './events/moment-order.ts';
export { DURATION_BOUNDS_MS, durationAt, type RollupKey } from './events/rollup.ts';
export { StoreSink, type StoreSinkCounts, type StoreSinkOptions } from './events/store-sink.ts';
export { MemoryHealthStore } from './health/memory-health-store.ts';
export { type SqliteHealthOptions, SqliteHealthStore } from './health/sqlite-health-store.ts';
export { MemoryOutbox } from './outbox/memory-outbox.ts';
export { SqliteOutbox } from './outbox/sqlite-outbox.ts';
export { BufferedSink, type BufferedSinkOptions } from './sinks/buffered-sink.ts';
export { FileDriver, type FileDriverOptions } from './sinks/file-driver.ts';
export { openSink, type SinkOptions } from './sinks/open-sink.ts';
export { MemoryStateStore } from './state/memory-state-store.ts';
export { type SqliteStateOptions, SqliteStateStore } from './state/sqlite-state-store.ts';
