/**
 * What somebody or something decided about clients beyond one exchange: a ban, an allowance. Decisions are a log: each
 * change has the next sequence number, data planes apply the changes in that order, and a new one begins with a snapshot.
 */
export interface Decision {
  /** Unique over a fleet, chosen by the control plane. At most {@link DECISION_ID_LENGTH_MAX} characters. */
  readonly id: string;
  readonly kind: DecisionKind;
  readonly scope: DecisionScope;
  /** For operators and for the event of what it refuses; never shown to clients. */
  readonly reason: string;
  /** Who took it: an administrator, a rule. */
  readonly author: string;
  /** Wall clock, milliseconds since 1970. */
  readonly createdMs: number;
  /** When it stops to hold; undefined: until it is revoked. */
  readonly endsMs: number | undefined;
}

export type DecisionKind =
  /** Nothing of the scope is let in, and what is open is closed. */
  | 'ban'
  /** Bans do not hold for the scope. It skips nothing else. */
  | 'allowance';

export type DecisionScope =
  /** One address, in canonical text. */
  | { readonly kind: 'address'; readonly value: string }
  /** A network in CIDR notation. */
  | { readonly kind: 'network'; readonly value: string };

/** One step of the log. */
export type DecisionChange =
  | { readonly kind: 'take'; readonly sequence: number; readonly decision: Decision }
  /** A tombstone: the decision holds no longer. */
  | { readonly kind: 'revoke'; readonly sequence: number; readonly id: string };

/** All decisions in force after the change `sequence`. */
export interface DecisionSnapshot {
  readonly sequence: number;
  readonly decisions: readonly Decision[];
}

export const DECISION_ID_LENGTH_MAX = 64;

/** Most decisions in force. */
export const DECISIONS_MAX = 100_000;
