/**
 * What the admin API says, as types: the only thing a console knows of the gateway. Times are milliseconds since 1970,
 * `null` is "none". The schemas beside it (`schemas.ts`) are held to these types by the compiler.
 */
import type { AuditHead, AuditRecord, CommandAck, CommandAction, DecisionKind, DecisionScope } from '@sallyport/kernel';
import type {
  EventsAnswer,
  EventsOverviewAnswer,
  EventsOverviewQuery,
  EventsQuery,
  EventsTopAnswer,
  EventsTopQuery,
} from './contract-events.ts';
import type { NotificationsAnswer, NotificationTestAnswer, NotificationTestOrder } from './contract-notifications.ts';
import type { ServiceHistoryAnswer, ServicesAnswer } from './contract-services.ts';

export type * from './contract-events.ts';
export type * from './contract-notifications.ts';
export type * from './contract-services.ts';

/** Every failure of a call, as `application/problem+json` (RFC 9457). */
export interface ProblemAnswer {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  /** For people. Never holds a secret. */
  readonly detail: string;
  /** What is wrong with a configuration or with a body, one entry each. */
  readonly problems?: readonly ConfigProblem[];
}

/** A closed list: codes are added, never renamed. */
export type ProblemCode =
  | 'BAD_REQUEST'
  | 'BODY_INVALID'
  | 'BODY_TOO_LARGE'
  | 'BODY_TYPE'
  | 'CONFIG_REFUSED'
  | 'CONFLICT'
  | 'FOREIGN_ORIGIN'
  | 'INTERNAL'
  | 'LINK_REFUSED'
  | 'METHOD_NOT_ALLOWED'
  | 'NOT_FOUND'
  | 'NOT_PUBLISHED'
  | 'QUERY_INVALID'
  | 'SOCKET_ONLY'
  | 'STATE_UNAVAILABLE'
  | 'TIMEOUT'
  | 'TOO_MANY_FAILURES'
  | 'UNAUTHENTICATED'
  | 'WRONG_HOST';

/** One line of what `sallyport check` says. */
export interface ConfigProblem {
  readonly severity: 'error' | 'warning';
  readonly file: string;
  /** From 1; 0 when the file as a whole is meant. */
  readonly line: number;
  readonly column: number;
  /** For example `routes[0].match.path`; '' for the file as a whole. */
  readonly key: string;
  /** The whole line, as it is printed. */
  readonly text: string;
}

export interface StatusAnswer {
  readonly node: string;
  readonly version: string;
  /** Changes with every start. */
  readonly boot: string;
  readonly startedMs: number;
  readonly uptimeMs: number;
  readonly mode: 'development' | 'staging' | 'production';
  readonly isReady: boolean;
  /** Why it is not ready; empty when it is. */
  readonly notReadyReasons: readonly string[];
  readonly isDraining: boolean;
  /** How defensive guards are, from 0. */
  readonly attackLevel: number;
  readonly listeners: readonly ListenerStatus[];
  readonly upstreams: readonly UpstreamStatus[];
  readonly workers: { readonly running: number; readonly all: number };
  readonly policy: { readonly version: number; readonly hash: string; readonly publishedMs: number };
}

export interface ListenerStatus {
  readonly name: string;
  /** `127.0.0.1:8080`, `[::1]:8080` or `unix:/run/sallyport/http.sock`. */
  readonly address: string;
  readonly isTls: boolean;
}

export interface UpstreamStatus {
  readonly name: string;
  readonly serversUp: number;
  readonly serversAll: number;
  readonly isBreakerOpen: boolean;
}

export interface WorkerStatus {
  readonly id: number;
  readonly state: 'starting' | 'running' | 'draining' | 'stopped' | 'failed';
  /** Start of the one that runs now. */
  readonly startedMs: number;
  readonly restarts: number;
  readonly lastFailure: { readonly timeMs: number; readonly reason: string } | null;
  readonly connections: number;
  /** Milliseconds the event loop was late lately, at the 99th percentile; `null` when it is not known. */
  readonly eventLoopDelayMs: number | null;
  readonly heapUsedBytes: number | null;
}

export interface WorkersAnswer {
  readonly workers: readonly WorkerStatus[];
}

/** Where a policy came from. */
export type PolicySource = 'start' | 'signal' | 'file' | 'api' | 'rollback';

/** One try to publish a policy. */
export interface PolicyRecord {
  /** `null` for a policy that was refused: it never had a version. */
  readonly version: number | null;
  /** Of the content: equal content has an equal hash. '' when there is none. */
  readonly hash: string;
  readonly timeMs: number;
  readonly source: PolicySource;
  readonly author: string;
  readonly result: 'published' | 'unchanged' | 'refused' | 'failed';
  /** Errors and warnings, as lines of text. */
  readonly problems: readonly string[];
}

export interface PoliciesAnswer {
  /** Version in force. */
  readonly current: number;
  /** Newest first. */
  readonly policies: readonly PolicyRecord[];
}

export interface PolicyDifferenceAnswer {
  readonly from: number;
  readonly to: number;
  readonly changes: readonly ConfigChange[];
  /** More changes than are listed. */
  readonly isCut: boolean;
}

/** A key of the configuration whose value is another one. Secrets are masked, and that one has changed is said. */
export interface ConfigChange {
  /** For example `routes[game].request.bodyMax`. */
  readonly key: string;
  /** `null`: it was not there. */
  readonly from: string | null;
  /** `null`: it is not there any more. */
  readonly to: string | null;
}

/** A policy was published, or the one in force is the same already. */
export interface PublishAnswer {
  readonly result: 'published' | 'unchanged';
  readonly version: number;
  readonly hash: string;
  readonly warnings: readonly ConfigProblem[];
}

export interface RollbackOrder {
  readonly version: number;
}

/** A decision in force. */
export interface DecisionRecord {
  readonly id: string;
  readonly kind: DecisionKind;
  readonly scope: DecisionScope;
  readonly reason: string;
  readonly author: string;
  readonly createdMs: number;
  /** `null`: until it is revoked. */
  readonly endsMs: number | null;
}

export interface DecisionsAnswer {
  /** How many match the filter, on all pages. */
  readonly total: number;
  /** Newest first. */
  readonly decisions: readonly DecisionRecord[];
  /** Give it as `after` for the next page; `null` on the last. */
  readonly next: string | null;
}

export interface AuditQuery {
  /** The number of an entry: those behind it. Default 0. */
  readonly after?: string | undefined;
  /** A number from 1; at most 1,000. Default 100, and 1,000 for a verification. */
  readonly limit?: string | undefined;
}

export interface AuditAnswer {
  /** The oldest first. */
  readonly entries: readonly AuditRecord[];
  /** Give it as `after` for the next page; `null` on the last. */
  readonly next: number | null;
}

export interface AuditVerificationAnswer {
  /** Entries of this page that are as they were written. */
  readonly checked: number;
  /** Give it as `after` for the next page; `null` when all was checked, or something is wrong. */
  readonly next: number | null;
  /** What is wrong first. */
  readonly problem: string | null;
  /** The last entry. Kept elsewhere, it shows later whether an end was cut off. */
  readonly head: AuditHead;
}

export interface DecisionOrder {
  /** Chosen by the caller: the same order with the same key is carried out once. */
  readonly key?: string | undefined;
  readonly kind: DecisionKind;
  readonly scope: DecisionScope;
  readonly reason: string;
  /** Seconds from now; without it, until it is revoked. */
  readonly seconds?: number | undefined;
}

export interface DecisionAnswer {
  readonly decision: DecisionRecord;
  /** It had been taken before. */
  readonly isRepeat: boolean;
  readonly confirmed: Confirmation;
}

export interface RevocationAnswer {
  readonly id: string;
  readonly confirmed: Confirmation;
}

/** How many workers carried something out, of those there are. */
export interface Confirmation {
  readonly workers: number;
  readonly of: number;
}

export interface CommandOrder {
  /** Chosen by the caller: a command with the same id is carried out once. */
  readonly id: string;
  readonly action: CommandAction;
}

export interface CommandAnswer {
  readonly id: string;
  readonly confirmed: Confirmation;
  /** What each worker says. */
  readonly acks: readonly CommandAck[];
}

export interface ConnectionRecord {
  /** For the command `close-connection`. */
  readonly id: string;
  readonly worker: number;
  readonly kind: 'http' | 'websocket';
  readonly listener: string;
  /** '' while none is known. */
  readonly route: string;
  readonly client: string;
  readonly openedMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface ConnectionsAnswer {
  /** How many match the filter. */
  readonly total: number;
  /** At most as many as were asked for. */
  readonly connections: readonly ConnectionRecord[];
}

export interface LinkOrder {
  /** Who it is for; stands in the record of what that person does. */
  readonly name?: string | undefined;
}

export interface LinkAnswer {
  /** Holds a secret: whoever opens it is signed in. */
  readonly url: string;
  readonly expiresMs: number;
}

export interface SessionOrder {
  /** The token of a link. */
  readonly token: string;
  /** `bearer`: the answer has a token for the Authorization header. `cookie`: it sets a cookie, for browsers. */
  readonly as: 'bearer' | 'cookie';
}

export interface SessionAnswer {
  readonly session: SessionRecord;
  /** For `Authorization: Bearer`; `null` for a cookie session. */
  readonly bearer: string | null;
  /** For the header `sallyport-csrf` of every call that changes something; `null` for a bearer session. */
  readonly csrf: string | null;
}

export interface SessionRecord {
  readonly id: string;
  readonly name: string;
  readonly as: 'bearer' | 'cookie';
  readonly createdMs: number;
  readonly lastUsedMs: number;
  /** When it ends however much it is used. */
  readonly expiresMs: number;
  /** The one that asks. */
  readonly isOwn: boolean;
}

export interface SessionsAnswer {
  readonly sessions: readonly SessionRecord[];
}

export interface RevokedAnswer {
  readonly id: string;
}

/** What each operation takes and answers, by its name in the document. */
export interface AdminOperations {
  readonly createLink: { readonly body: LinkOrder; readonly answer: LinkAnswer };
  readonly openSession: { readonly body: SessionOrder; readonly answer: SessionAnswer };
  readonly closeSession: { readonly answer: RevokedAnswer };
  readonly listSessions: { readonly answer: SessionsAnswer };
  readonly revokeSession: { readonly id: string; readonly answer: RevokedAnswer };
  readonly getStatus: { readonly answer: StatusAnswer };
  readonly listWorkers: { readonly answer: WorkersAnswer };
  readonly listConnections: { readonly query: ConnectionsQuery; readonly answer: ConnectionsAnswer };
  readonly listPolicies: { readonly answer: PoliciesAnswer };
  readonly diffPolicies: {
    readonly query: { readonly from: string; readonly to: string };
    readonly answer: PolicyDifferenceAnswer;
  };
  readonly reload: { readonly answer: PublishAnswer };
  readonly rollback: { readonly body: RollbackOrder; readonly answer: PublishAnswer };
  readonly listDecisions: { readonly query: DecisionsQuery; readonly answer: DecisionsAnswer };
  readonly takeDecision: { readonly body: DecisionOrder; readonly answer: DecisionAnswer };
  readonly revokeDecision: { readonly id: string; readonly answer: RevocationAnswer };
  readonly listAudit: { readonly query: AuditQuery; readonly answer: AuditAnswer };
  readonly verifyAudit: { readonly query: AuditQuery; readonly answer: AuditVerificationAnswer };
  readonly searchEvents: { readonly query: EventsQuery; readonly answer: EventsAnswer };
  readonly topOfEvents: { readonly query: EventsTopQuery; readonly answer: EventsTopAnswer };
  readonly overviewOfEvents: { readonly query: EventsOverviewQuery; readonly answer: EventsOverviewAnswer };
  readonly listServices: { readonly answer: ServicesAnswer };
  readonly getService: { readonly id: string; readonly answer: ServiceHistoryAnswer };
  readonly getNotifications: { readonly answer: NotificationsAnswer };
  readonly testNotification: { readonly body: NotificationTestOrder; readonly answer: NotificationTestAnswer };
  readonly giveCommand: { readonly body: CommandOrder; readonly answer: CommandAnswer };
}

export interface ConnectionsQuery {
  /** An address or a network. */
  readonly client?: string | undefined;
  readonly kind?: 'http' | 'websocket' | undefined;
  /** A number from 1; at most 1,000 are listed. Default 100. */
  readonly limit?: string | undefined;
}

export interface DecisionsQuery {
  readonly kind?: 'ban' | 'allowance' | undefined;
  /** An address or a network. */
  readonly client?: string | undefined;
  readonly author?: string | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  /** A number from 1; at most 1,000 are listed. Default 100. */
  readonly limit?: string | undefined;
}
