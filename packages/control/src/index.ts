/**
 * The control plane: configuration, the admin API and the operations listener.
 *
 * @module
 */

export { type AdminAddresses, type AdminOptions, type AdminServer, createAdminServer } from './admin/admin.ts';
export { AdminClient, type AdminClientOptions, type Outcome, type Unreachable } from './admin/client.ts';
export { diffConfigs } from './admin/config-diff.ts';
export type {
  Actor,
  CommandOutcome,
  ConfirmedBy,
  ConnectionQuery,
  ControlPlane,
  NotTaken,
  PublishedPolicy,
  PublishOrder,
  ReloadOutcome,
  RollbackOutcome,
  SignIn,
} from './admin/control-plane.ts';
export type { EventQuestionsPort, EventsRange } from './admin/event-store.ts';
export { renderAdminApi } from './admin/openapi.ts';
export type { BindAddress } from './config/addresses.ts';
export type { Environment, Mode } from './config/context.ts';
export { describeConfig } from './config/describe.ts';
export {
  type FileBytes,
  type FileContent,
  type FileFailure,
  type FileReader,
  type FolderContent,
  machineFiles,
  textFiles,
} from './config/files.ts';
export { type LoadOptions, type LoadResult, loadConfig } from './config/load.ts';
export { type AdminLoadResult, loadAdminConfig } from './config/load-admin.ts';
export type { SallyportConfig } from './config/parts.ts';
export { formatProblem, type Problem } from './config/problem.ts';
export { renderConfigurationReference, renderJsonSchema } from './config/reference.ts';
export {
  type CompiledRuleSet,
  type CompiledRulesStore,
  RuleImages,
  type RuleImagesOptions,
  type RuleSets,
} from './config/rules/rule-images.ts';
export type { AdminConfig } from './config/schema/admin.ts';
export type { ErrorReportsConfig } from './config/schema/error-reports.ts';
export type { EventsConfig, SinkConfig } from './config/schema/events.ts';
export type { LogConfig, OperationsConfig, ReloadConfig, WorkersConfig } from './config/schema/sections.ts';
export type { StateConfig } from './config/schema/state.ts';
export { parseDuration } from './config/units.ts';
export type { CertificateNews } from './health/certificate-watch.ts';
export { HealthChecks, type HealthChecksOptions, type HealthListener } from './health/health-checks.ts';
export { HealthMetrics } from './health/health-metrics.ts';
export { certificateNotice, serviceNotice, serviceRemovedNotice } from './health/health-notices.ts';
export { healthReport, type ServiceHealthPort } from './health/health-report.ts';
export { ListenerCertificates, type ServedCertificate } from './health/listener-certificates.ts';
export { makeProbe } from './health/probes/make-probe.ts';
export type { CheckNews, ServiceWatch } from './health/service-watch.ts';
export { AttackDetector } from './notifications/attack-detector.ts';
export { NotificationBook } from './notifications/book.ts';
export { Courier, type CourierMetrics } from './notifications/courier.ts';
export { createDesk, type NotificationDesk } from './notifications/desk.ts';
export { createOperationsServer, type OperationsOptions, type OperationsServer, type Readiness } from './operations.ts';
export { BackOff } from './planes/back-off.ts';
export type { DataPlane, PlaneEnd, PlaneEndCause, PolicyVersion } from './planes/data-plane.ts';
export { DecisionLog, type Taken } from './planes/decision-log.ts';
export { type PolicyAttempt, PolicyHistory, type PolicySource } from './planes/policy-history.ts';
export { type PlaneState, type Publication, type SlotStatus, Supervisor } from './planes/supervisor.ts';
