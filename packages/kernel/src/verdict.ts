import type { Reason } from './reason.ts';

/**
 * What one decision stage concluded about one exchange.
 *
 * `pass` hands the exchange to the next stage. Every other verdict is final: no later stage runs.
 */
export type Verdict =
  | { readonly kind: 'pass' }
  | Deny
  | {
      readonly kind: 'redirect';
      readonly status: 301 | 302 | 307 | 308;
      readonly location: string;
      readonly reason: Reason;
    }
  /** Close the connection without an answer: for those to whom an answer would be a service. */
  | { readonly kind: 'drop'; readonly reason: Reason };

/** The exchange is refused with an answer. */
export interface Deny {
  readonly kind: 'deny';
  /** The status of the reason's row in `REASONS`, unless the stage knows better. 400 to 599. */
  readonly status: number;
  readonly reason: Reason;
  /** Header fields the refusal carries, for example `Allow` or `Retry-After`. Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The one `pass`: stages return it without an allocation. */
export const PASS: Verdict = Object.freeze({ kind: 'pass' });
