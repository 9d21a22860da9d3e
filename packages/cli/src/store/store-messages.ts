/**
 * What crosses between the control plane and the store thread: requests down, answers up, all of it plain data.
 *
 * Requests come in families, one for each store. A new one is an interface of operations here, a member of
 * {@link StoreOperations}, and its handlers in `store-main.ts`; nothing else has to know of it.
 */
import type {
  AuditHead,
  AuditPage,
  AuditRecord,
  AuditVerification,
  DeliveryFailure,
  HealthBatch,
  LineSinkCounts,
  OutboxBatch,
  OutboxEntry,
  OutboxStatus,
  StateBatch,
  StoredService,
  StoredState,
  StoreErrorCode,
} from '@sallyport/kernel';
import type {
  OverviewAnswer,
  OverviewRequest,
  SearchAnswer,
  SearchRequest,
  SinkOptions,
  TopAnswer,
  TopRequest,
} from '@sallyport/stores';

/** Every operation: its name, what it takes and what it answers. */
export interface StoreOperations
  extends FolderOperations,
    StateOperations,
    HealthOperations,
    EventOperations,
    EventQuestions,
    OutboxOperations {}

/** What is known of the folder itself. */
export interface FolderOperations {
  'folder.measure': () => FolderSize;
}

/** The port `StateStore`. */
export interface StateOperations {
  'state.load': () => StoredState;
  'state.commit': (batch: StateBatch) => AuditHead;
  'state.readAudit': (page: AuditPage) => readonly AuditRecord[];
  'state.verifyAudit': (page: AuditPage) => AuditVerification;
  'state.release': () => void;
}

/** The port `HealthStore`. */
export interface HealthOperations {
  'health.load': () => readonly StoredService[];
  'health.commit': (batch: HealthBatch) => void;
  'health.release': () => void;
}

export interface FolderSize {
  /** What the files in it hold. */
  readonly usedBytes: number;
  /** What its file system has left for the gateway. */
  readonly freeBytes: number;
}

/** The port `Outbox`. */
export interface OutboxOperations {
  'outbox.enqueue': (batch: OutboxBatch) => { readonly dropped: number };
  'outbox.recall': () => string | undefined;
  'outbox.claim': (moment: { readonly nowMs: number; readonly leaseMs: number }) => readonly OutboxEntry[];
  'outbox.done': (id: string) => void;
  'outbox.failed': (
    id: string,
    outcome: { readonly failure: DeliveryFailure; readonly retryMs: number | undefined },
  ) => void;
  'outbox.status': () => OutboxStatus;
}

/** What has become of events. */
export interface EventOperations {
  /** Since it was last asked. */
  'events.news': () => EventNews;
}

export interface EventNews {
  readonly stored: number;
  readonly malformed: number;
  /** By class, innocent lines first: no room on the way from who emitted them, or in front of a store that could not keep up. */
  readonly droppedOverflow: readonly number[];
  /** By class likewise: the quota is used up. */
  readonly droppedQuota: readonly number[];
  readonly sinks: readonly SinkNews[];
  /** In words, for the log. */
  readonly problems: readonly string[];
}

/** What has become of lines for one sink: counts since it was last asked; what waits as it is now. */
export interface SinkNews extends LineSinkCounts {
  readonly name: string;
}

/** Questions about events; a thread of their own answers them. */
export interface EventQuestions {
  'events.search': (request: SearchRequest) => SearchAnswer;
  'events.top': (request: TopRequest) => TopAnswer;
  'events.overview': (request: OverviewRequest) => OverviewAnswer;
}

export type OperationName = keyof StoreOperations;
export type RequestOf<Name extends OperationName> = Parameters<StoreOperations[Name]>;
export type AnswerOf<Name extends OperationName> = ReturnType<StoreOperations[Name]>;

/**
 * The store thread's side of one family. What a handler throws is the failure of its request; a `StoreError` keeps its code. `close`
 * gives up what the family holds, and is called once.
 */
export interface StoreFamily<Operations> {
  readonly handlers: Operations;
  close(): void | Promise<void>;
  /** What has become of events that nobody will ask for any more; called once, after everything is closed. */
  last?(): EventNews;
}

/** With what the store thread begins. */
export interface StoreStart {
  /** Undefined: it keeps no state and stores no events. */
  readonly folder: string | undefined;
  /** Undefined: events go nowhere from here. */
  readonly events: EventsStart | undefined;
}

export interface EventsStart {
  /** Of workers and of the control plane. */
  readonly rings: readonly SharedArrayBuffer[];
  /** Undefined: no events are stored. */
  readonly stored: { readonly retentionDays: number; readonly quotaBytes: number } | undefined;
  readonly sinks: readonly (SinkOptions & { readonly name: string })[];
}

export type ToStore =
  | {
      readonly kind: 'ask';
      readonly id: number;
      readonly operation: OperationName;
      readonly request: readonly unknown[];
    }
  /** Finishes what was asked before, closes everything, and ends. */
  | { readonly kind: 'close' };

export type FromStore =
  | { readonly kind: 'started' }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly failure: StoreFailure }
  /** It was told to close, and has. */
  | { readonly kind: 'last'; readonly news: EventNews };

export interface StoreFailure {
  readonly code: StoreErrorCode;
  readonly message: string;
}
