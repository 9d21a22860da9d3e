/**
 * What crosses between a process that has taken over and the one before it, which still has connections: questions from the new one,
 * answers from the old one. All of it is plain data, and both are of the same user; but they may be of two releases.
 */
import type { CommandOutcome, ConnectionQuery } from '@sallyport/control';
import type { ConnectionsAnswer } from '@sallyport/control/contract';
import type { Command, Decision, DecisionChange, MetricsSnapshot } from '@sallyport/kernel';
import type { PolicyPiece } from './carried-policy.ts';

/** Another number is another language: such processes do not follow one another. */
export const PROTOCOL = 1;

/** One that serves says at once whether the other is to follow; until then both answer for the service, or nobody. */
export const FOLLOW_MS_MAX = 5_000;

export type Question =
  /** First of all. From then on the old process leaves everything but its connections to the new one. */
  | { readonly kind: 'follow'; readonly protocol: number }
  /** Whether the other one still turns its event loop. */
  | { readonly kind: 'beat' }
  /** A piece of all decisions in force. They count when the last one is there. */
  | { readonly kind: 'decisions'; readonly piece: DecisionsPiece }
  | { readonly kind: 'decision'; readonly change: DecisionChange }
  /** A piece of the policy in force. The last one is answered when everything that is open was handed to it to be judged. */
  | { readonly kind: 'policy'; readonly piece: PolicyPiece }
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'connections'; readonly query: ConnectionQuery }
  | { readonly kind: 'counts' };

export interface HeldPolicy {
  /** Only the same one understands its images, see `RELEASE`. */
  readonly release: string;
  readonly hash: string;
}

export interface DecisionsPiece {
  readonly sequence: number;
  readonly decisions: readonly Decision[];
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

export type Answer =
  /** `policy`: by what it judges. Undefined: it is of a release that takes no policies. */
  | {
      readonly kind: 'following';
      readonly workers: number;
      readonly attackLevel: number;
      readonly policy?: HeldPolicy | undefined;
    }
  | { readonly kind: 'alive'; readonly workers: number }
  | { readonly kind: 'taken' }
  /** So many workers judge what they have by the policy that was brought. */
  | { readonly kind: 'judging'; readonly workers: number }
  /** How many workers of how many have confirmed. Out of order: one before is missing, and all decisions are wanted. */
  | { readonly kind: 'decided'; readonly isInOrder: boolean; readonly workers: number; readonly of: number }
  | { readonly kind: 'commanded'; readonly outcome: CommandOutcome }
  | { readonly kind: 'connections'; readonly open: ConnectionsAnswer }
  | { readonly kind: 'counts'; readonly counts: MetricsSnapshot };

/** From the new process. */
export interface Asked {
  readonly number: number;
  readonly question: Question;
}

/** From the old one. */
export type Said =
  | { readonly kind: 'answer'; readonly number: number; readonly answer: Answer }
  | { readonly kind: 'failure'; readonly number: number; readonly message: string }
  /** It has nothing left, and this is what it has counted. */
  | { readonly kind: 'leaving'; readonly counts: MetricsSnapshot };

export function isAsked(message: unknown): message is Asked {
  if (typeof message !== 'object' || message === null || !('number' in message) || !('question' in message))
    return false;
  return typeof message.number === 'number' && hasKind(message.question);
}

export function isSaid(message: unknown): message is Said {
  return hasKind(message);
}

function hasKind(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string';
}
