import type { ChannelConfig, DeadLetter, DeliveryFailure, NoticeKind, NoticeSeverity } from '@sallyport/kernel';

export interface NotificationsAnswer {
  readonly channels: readonly ChannelStatus[];
  /** What lasts, whoever is told of it. */
  readonly open: readonly OpenNotice[];
  /** Notifications that were given up, the newest first. */
  readonly dead: readonly DeadLetter[];
}

export interface ChannelStatus {
  readonly name: string;
  readonly kind: ChannelConfig['kind'];
  /** A host: the rest of a URL is a secret. */
  readonly target: string;
  /** Notifications in the outbox. */
  readonly waiting: number;
  /** Since when the oldest waits. */
  readonly oldestMs: number | null;
  /** Why its last try failed. */
  readonly failure: DeliveryFailure | null;
}

export interface OpenNotice {
  readonly kind: NoticeKind;
  readonly subject: string;
  readonly severity: NoticeSeverity;
  readonly summary: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly sinceMs: number;
  readonly isFlapping: boolean;
}

export interface NotificationTestOrder {
  readonly channel: string;
}

export interface NotificationTestAnswer {
  readonly channel: string;
  /** `null`: the receiver has taken it. */
  readonly failure: DeliveryFailure | null;
}
