/**
 * What operators should hear of without looking: a state that has begun, or has ended.
 *
 * A notice is what one part of the gateway knows; who is told, how often and by which way is decided behind {@link NoticeSink}.
 * Texts may hold names that an operator chose (services, listeners, hosts), never a secret and nothing that a client wrote.
 */
export interface Notice {
  readonly kind: NoticeKind;
  /** What it is about, in the operator's words: a service, a host, a class of events. With `kind` it names the state. */
  readonly subject: string;
  readonly status: NoticeStatus;
  readonly severity: NoticeSeverity;
  /** One sentence in plain words, without a line break. */
  readonly summary: string;
  /** Facts for whoever looks into it, by name; few and short. */
  readonly facts: Readonly<Record<string, string>>;
  /** Wall clock. */
  readonly timeMs: number;
}

/** Kinds are added, never renamed: operators route by them. */
export const NOTICE_KINDS = ['service-down', 'under-attack', 'events-dropped', 'certificate-ending'] as const;

export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** The words of Alertmanager: a state that lasts, and its end. */
export type NoticeStatus = 'firing' | 'resolved';

export type NoticeSeverity = 'info' | 'warning' | 'critical';

/** Takes notices. Never blocks and never throws; the same state may be said again and again. */
export interface NoticeSink {
  notify(notice: Notice): void;
}
