import type {
  AuditEntry,
  AuditPage,
  AuditRecord,
  AuditVerification,
  Command,
  CommandAck,
  Decision,
  DecisionSnapshot,
} from '@sallyport/kernel';
import type { SallyportConfig } from '../config/parts.ts';
import type { Problem } from '../config/problem.ts';
import type { ServiceHealthPort } from '../health/health-report.ts';
import type { NotificationDesk } from '../notifications/desk.ts';
import type { ConnectionRecord, PolicyRecord, StatusAnswer, WorkerStatus } from './contract.ts';
import type { EventQuestionsPort } from './event-store.ts';

/**
 * What the admin API stands on: the running gateway as its operator sees it. Implemented where everything is joined.
 *
 * Every list is bounded by the implementation. Nothing here throws for what a caller chose: unknown versions, ids and
 * names have an answer of their own. A promise that is rejected is an accident; it is answered with 500 and logged.
 */
export interface ControlPlane {
  /** Stored events; undefined when none are. */
  readonly events: EventQuestionsPort | undefined;

  /** How the services are that are checked. */
  readonly services: ServiceHealthPort;
  /** Who is told of what. */
  readonly notifications: NotificationDesk;

  status(): StatusAnswer;

  workers(): Promise<readonly WorkerStatus[]>;

  /** The version in force, and the tries to publish one, newest first: those that were refused as well. */
  policies(): { readonly current: number; readonly policies: readonly PolicyRecord[] };

  /** The configuration of a version that was published; undefined when it is unknown or no longer kept. Holds secrets. */
  policyConfig(version: number): SallyportConfig | undefined;

  /**
   * Reads the configuration again, and publishes it when nothing is wrong with it. Orders of this kind are carried out one
   * after the other. Unless the outcome is `published`, the policy in force stays everywhere.
   */
  reload(order: PublishOrder): Promise<ReloadOutcome>;

  /** Publishes an earlier version again, under a new version number. */
  rollback(version: number, order: PublishOrder): Promise<RollbackOutcome>;

  /** All decisions in force. */
  decisions(): DecisionSnapshot;

  /**
   * Takes a decision: it is in the log when the promise is kept. An id that is in force already changes nothing and is
   * confirmed again. A `StoreError` says that it could not be stored, and does not hold. `too-many`: there is no room for another one.
   */
  take(decision: Decision, actor: Actor): Promise<ConfirmedBy | 'too-many'>;

  /** Ends a decision. Undefined when none with this id is in force. */
  revoke(id: string, actor: Actor): Promise<ConfirmedBy | undefined>;

  /** Whether a decision with this id was revoked before: a late repetition of an order does not bring one back. */
  isRevoked(id: string): boolean;

  /** Writes down what somebody has done, or tried. Decisions that are taken or revoked are written down with them. Never rejects. */
  audit(entry: AuditEntry): Promise<void>;

  /** Emits that somebody has proved who they are, or failed to. The audit log has entries of its own. */
  noteSignIn(attempt: SignIn): void;

  /** Entries of the audit log, the oldest first. */
  readAudit(page: AuditPage): Promise<readonly AuditRecord[]>;

  /** Checks the chain of the audit log over one page. */
  verifyAudit(page: AuditPage): Promise<AuditVerification>;

  /** Tells every data plane; the answers of those that answered in time. */
  command(command: Command): Promise<CommandOutcome>;

  /** Open connections, at most `limit` of those that match. */
  connections(
    query: ConnectionQuery,
  ): Promise<{ readonly total: number; readonly connections: readonly ConnectionRecord[] }>;
}

/** Who orders something. */
export interface Actor {
  readonly author: string;
  /** '' unless it is a session. */
  readonly session: string;
}

/** Somebody at a door of the administration. Over the socket nobody has to prove anything. */
export interface SignIn {
  /** `link`: one that opens a session; `session`: of a call that has none any more. */
  readonly method: 'link' | 'session';
  readonly result: 'success' | 'failure';
  /** '' after a failure. */
  readonly subject: string;
  /** Why it failed; '' after a success. */
  readonly reasonDetail: string;
}

export interface PublishOrder {
  readonly author: string;
}

export type ReloadOutcome =
  | PublishedPolicy
  | NotTaken
  /** Something is wrong with the configuration: errors and warnings. */
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] };

export type RollbackOutcome =
  | PublishedPolicy
  | NotTaken
  /** The version is not known or no longer kept. */
  | { readonly kind: 'unknown-version' };

/** It was good, but not every worker took it. */
export interface NotTaken {
  readonly kind: 'failed';
  /** Why, for operators. */
  readonly detail: string;
}

export interface PublishedPolicy {
  /** `unchanged`: the content is what is in force already, so there is no new version. */
  readonly kind: 'published' | 'unchanged';
  readonly version: number;
  readonly hash: string;
  readonly warnings: readonly Problem[];
}

/** How many workers have confirmed, of those there are. */
export interface ConfirmedBy {
  readonly workers: number;
  readonly of: number;
}

export interface CommandOutcome {
  readonly acks: readonly CommandAck[];
  /** How many workers were told. */
  readonly of: number;
}

export interface ConnectionQuery {
  /** Canonical text of an address or a network; undefined: all. */
  readonly client: string | undefined;
  readonly kind: 'http' | 'websocket' | undefined;
  readonly limit: number;
}
