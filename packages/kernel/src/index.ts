/**
 * The vocabulary of Sallyport: values and ports that every other package speaks in. No I/O, no clock, no dependency.
 *
 * @module
 */
export { BoundedMap, type BoundedMapOptions } from './bounded-map.ts';
export { Client, type ClientEvidence } from './client.ts';
export { type Clock, ManualClock } from './clock.ts';
export {
  ATTACK_LEVEL_MAX,
  COMMAND_ID_LENGTH_MAX,
  type Command,
  type CommandAck,
  type CommandAction,
} from './command.ts';
export {
  DECISION_ID_LENGTH_MAX,
  DECISIONS_MAX,
  type Decision,
  type DecisionChange,
  type DecisionKind,
  type DecisionScope,
  type DecisionSnapshot,
} from './decision.ts';
export { type FailureSource, GatewayError, type GatewayErrorOptions } from './error.ts';
export type {
  AdministrationEvent,
  AuthenticationEvent,
  ClientFacts,
  ConnectionEvent,
  DecisionEvent,
  Event,
  EventIdentity,
  EventSink,
  ExchangeEvent,
  InspectionFacts,
  MessageEvent,
  ObservedVerdict,
  RuleMatch,
  SystemEvent,
} from './event.ts';
export {
  type Exchange,
  type Framing,
  type ListenerFacts,
  METHODS,
  type RequestEvidence,
  type RequestExchange,
  type RequestHead,
} from './exchange.ts';
export { HeaderList } from './header-list.ts';
export {
  type HealthBatch,
  type HealthStore,
  SERVICE_CHANGES_MAX,
  SERVICE_DAYS_MAX,
  SERVICE_HOURS_MAX,
  SERVICE_RESULTS_MAX,
  SERVICES_REMEMBERED_MAX,
  type ServiceChange,
  type ServiceResult,
  type ServiceShare,
  type ServiceStatus,
  type StoredService,
} from './health-store.ts';
export type { Inspected, InspectedHead, Inspection, RequestHold, ResponseHold } from './inspection.ts';
export { contains, IpAddress, type Network, parseNetwork } from './ip.ts';
export type { EventLine, LineSink, LineSinkCounts, SinkDriver } from './line-sink.ts';
export type { Log, LogFields } from './log.ts';
export { MergedMetrics } from './merged-metrics.ts';
export { Counter, Family, Gauge, Histogram, type HistogramOptions, MetricsRegistry, SERIES_MAX } from './metrics.ts';
export {
  type FamilySnapshot,
  type MergeRule,
  type MetricsSnapshot,
  type MetricType,
  renderMetrics,
  type SeriesSnapshot,
} from './metrics-snapshot.ts';
export {
  NOTICE_KINDS,
  type Notice,
  type NoticeKind,
  type NoticeSeverity,
  type NoticeSink,
  type NoticeStatus,
} from './notice.ts';
export {
  type AttackThresholds,
  type ChannelConfig,
  DELIVERY_FAILURES,
  type Delivery,
  type DeliveryFailure,
  type DiscordChannelConfig,
  type EmailChannelConfig,
  NOTIFICATION_ITEMS_MAX,
  type Notification,
  type NotificationChannel,
  type NotificationItem,
  type NotificationRoute,
  type NotificationsConfig,
  type SlackChannelConfig,
  type WebhookChannelConfig,
} from './notification.ts';
export {
  type DeadLetter,
  isOnlyEnds,
  OUTBOX_DEAD_MAX,
  OUTBOX_MEMORY_MAX,
  OUTBOX_MESSAGES_MAX,
  OUTBOX_PAUSE_MS_MAX,
  type Outbox,
  type OutboxBatch,
  type OutboxChannelStatus,
  type OutboxEntry,
  type OutboxStatus,
} from './outbox.ts';
export type * from './policy.ts';
export { PROFILES, type Profile, WAF_OFF, type WafDefaults } from './profiles.ts';
export { REASON_DETAIL_MAX, REASONS, type Reason, type ReasonCode, type ReasonRow, reason } from './reason.ts';
export { ByteRing, type ByteRingOptions, type RecordReader } from './shared-memory/byte-ring.ts';
export { FlightRecorder, type FlightRecorderOptions, type RecordedInput } from './shared-memory/flight-recorder.ts';
export {
  GAUGE_FULL,
  GAUGE_REFUSED,
  type GaugeTableOptions,
  SharedGaugeTable,
} from './shared-memory/gauge-table.ts';
export type { TableMember } from './shared-memory/key-buckets.ts';
export { HASH_KEY_BYTES, KeyedHash } from './shared-memory/keyed-hash.ts';
export { Rate, type RateOptions, type RateTableOptions, SharedRateTable } from './shared-memory/rate-table.ts';
export {
  SharedWindowTable,
  SlidingWindow,
  type WindowOptions,
  type WindowTableOptions,
} from './shared-memory/window-table.ts';
export { HeartbeatWatch, WorkerBoard, type WorkerState } from './shared-memory/worker-board.ts';
export type { Stage, StageDefinition, StageMode } from './stage.ts';
export {
  AUDIT_PAGE_MAX,
  type AuditEntry,
  type AuditHead,
  type AuditPage,
  type AuditRecord,
  type AuditVerification,
  POLICIES_REMEMBERED_MAX,
  type PolicyResult,
  type PolicySource,
  REVOKED_REMEMBERED_MAX,
  type StateBatch,
  type StateStore,
  type StoredPolicy,
  type StoredState,
} from './state-store.ts';
export { SteadyTime } from './steady-time.ts';
export { StoreError, type StoreErrorCode } from './store-error.ts';
export { type Deny, PASS, type Verdict } from './verdict.ts';
