import type { ReasonCode } from './reason.ts';

/** Whose fault a failure is. */
export type FailureSource = 'client' | 'upstream' | 'internal';

/**
 * What the world did to us: a refused connection, a broken file, a timeout. What an attacker can cause is a `Verdict`
 * instead, and what only we can cause is an assertion.
 */
export class GatewayError extends Error {
  readonly code: ReasonCode;
  readonly source: FailureSource;
  /** True when nothing of the request can have taken effect, so that another try is safe for every method. */
  readonly retry: boolean;

  constructor(code: ReasonCode, options: GatewayErrorOptions) {
    super(options.message ?? code, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.source = options.source;
    this.retry = options.retry ?? false;
  }
}

export interface GatewayErrorOptions {
  readonly source: FailureSource;
  /** Default false. */
  readonly retry?: boolean;
  /** For operators; never sent to a client. Default: the code. */
  readonly message?: string;
  readonly cause?: unknown;
}
