import type { Notice, NoticeKind, NoticeSeverity } from './notice.ts';

/** One message to one channel: what of several notices there is to say at that moment. Plain data; holds no secret. */
export interface Notification {
  /** The same in every try, so that a receiver who gets it twice can tell. Letters, digits and `_`. */
  readonly id: string;
  readonly channel: string;
  /** Name of the gateway that says it. */
  readonly node: string;
  readonly occasion: NotificationOccasion;
  /** What has changed, or what still lasts; at least one, at most {@link NOTIFICATION_ITEMS_MAX}. */
  readonly items: readonly NotificationItem[];
  /** More items than there was room for. */
  readonly omitted: number;
  /** States that began and ended while the channel was held back by its limit, and are told in no other way. */
  readonly missed: number;
  /** Wall clock. */
  readonly timeMs: number;
}

/** `held`: it comes late, because the channel had used up its limit. `test`: an administrator wants to know whether it arrives. */
export type NotificationOccasion = 'change' | 'repeat' | 'held' | 'test';

export interface NotificationItem extends Notice {
  /** When the state began, by the wall clock. */
  readonly sinceMs: number;
  /** It comes and goes so often that its ends are told only when it has calmed down. */
  readonly isFlapping: boolean;
}

/** Most states in one message: beyond, nobody reads them. */
export const NOTIFICATION_ITEMS_MAX = 20;

/** A way to people. It bounds what it sends, what it reads and how long it takes, and never throws. */
export interface NotificationChannel {
  readonly name: string;
  readonly kind: ChannelConfig['kind'];
  /** Where it leads, as far as everybody may know: a host. */
  readonly target: string;
  deliver(notification: Notification): Promise<Delivery>;
}

export type Delivery =
  | { readonly kind: 'sent' }
  | {
      readonly kind: 'failed';
      readonly failure: DeliveryFailure;
      /** How long the receiver wants to be left alone, in milliseconds; undefined: it did not say. */
      readonly retryAfterMs: number | undefined;
      /** This message will never be taken, however often it is sent. */
      readonly isFinal: boolean;
    };

/** Why something was not delivered. Codes are added, never renamed: answers, metrics and documents name them. */
export const DELIVERY_FAILURES = [
  /** No connection: the name, the port or the network. */
  'unreachable',
  /** The certificate, or a connection that stays in plaintext. */
  'tls',
  'timeout',
  /** The receiver does not know us: 401, 403, a password. */
  'unauthorized',
  /** The receiver wants less: 429. */
  'limited',
  /** The receiver does not take it: another 4xx, a redirect, an address that is refused. */
  'refused',
  /** The receiver has an accident of its own: 5xx. */
  'receiver',
  /** It answers in no way that its protocol knows, or without an end. */
  'protocol',
  /** It was older than it may be before anybody took it. */
  'expired',
  /** The configuration no longer has this channel. */
  'unknown-channel',
  /** A bug of ours. */
  'internal',
] as const;

export type DeliveryFailure = (typeof DELIVERY_FAILURES)[number];

/** Everything configured about who is told, and how. */
export interface NotificationsConfig {
  readonly channels: readonly ChannelConfig[];
  /** All that match are used; of those with the same channel the first. */
  readonly routes: readonly NotificationRoute[];
  readonly attack: AttackThresholds;
}

/** From when on refusals are an attack; all of it at once, over the last minute. */
export interface AttackThresholds {
  /** Refused exchanges and connections. */
  readonly refusedMin: number;
  /** Their share of all, from 0 to 1. */
  readonly shareMin: number;
  /** Their number, in multiples of what is usual here. */
  readonly timesUsual: number;
}

export interface NotificationRoute {
  /** Empty: all. */
  readonly kinds: readonly NoticeKind[];
  readonly severityMin: NoticeSeverity;
  /** Names of channels. */
  readonly channels: readonly string[];
  /** From the first news of a group to its message. */
  readonly waitMs: number;
  /** Between two messages of a group that has news. */
  readonly intervalMs: number;
  /** Until what lasts is told again. */
  readonly repeatMs: number;
}

export type ChannelConfig = WebhookChannelConfig | DiscordChannelConfig | SlackChannelConfig | EmailChannelConfig;

interface AnyChannelConfig {
  readonly name: string;
  readonly isResolvedSent: boolean;
  /** Most messages in any hour; what is beyond is told in one message later. */
  readonly hourlyMax: number;
}

export interface WebhookChannelConfig extends AnyChannelConfig {
  readonly kind: 'webhook';
  readonly url: string;
  /** As the receiver has them, with or without `whsec_`; each signs. */
  readonly keys: readonly string[];
  /** PEM of the only authorities that count; undefined: those of Node.js. */
  readonly ca: string | undefined;
}

export interface DiscordChannelConfig extends AnyChannelConfig {
  readonly kind: 'discord';
  /** A secret. */
  readonly url: string;
}

export interface SlackChannelConfig extends AnyChannelConfig {
  readonly kind: 'slack';
  /** A secret. */
  readonly url: string;
}

export interface EmailChannelConfig extends AnyChannelConfig {
  readonly kind: 'email';
  readonly host: string;
  readonly port: number;
  /** `starttls`: nothing is said before the connection is encrypted. `none`: only to this machine. */
  readonly security: 'starttls' | 'tls' | 'none';
  readonly login: { readonly user: string; readonly password: string } | undefined;
  /** As for a webhook. */
  readonly ca: string | undefined;
  readonly from: string;
  readonly to: readonly string[];
}
