import { randomBytes, randomFillSync } from 'node:crypto';

/** Request ids and W3C trace context (https://www.w3.org/TR/trace-context/). */
export class Identifiers {
  /** Names this start of the process; part of every event identity and request id. */
  readonly boot: string = randomBytes(5).toString('hex');
  #sequence = 0;

  /** Unique in this process: the boot and a count. Not a secret, and nobody may use it as one. */
  requestId(): string {
    this.#sequence += 1;
    return `${this.boot}-${this.#sequence.toString(36)}`;
  }
}

/**
 * An id the client brought (`X-Request-Id`), when it is one we may repeat in headers, logs and pages: 8 to 64 letters,
 * digits, `.`, `_`, `-`, `:`. Undefined otherwise; the gateway then makes its own.
 */
export function acceptRequestId(value: string | undefined): string | undefined {
  return value !== undefined && /^[A-Za-z0-9._:-]{8,64}$/.test(value) ? value : undefined;
}

export interface TraceContext {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string;
  /** The header for the upstream: same trace, our span. */
  readonly traceparent: string;
}

/** Continues the client's trace, or begins one when `traceparent` is missing or not valid (version 00 only). */
export function continueTrace(traceparent: string | undefined): TraceContext {
  const match = traceparent === undefined ? null : /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent);
  const [, given = '', parent = '', flags = '00'] = match ?? [];
  const isValid = given !== '' && given !== NO_TRACE && parent !== NO_SPAN;
  const traceId = isValid ? given : randomHex(16);
  return { traceId, traceparent: `00-${traceId}-${randomHex(8)}-${isValid ? flags : '00'}` };
}

const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

/** Filled in one call for many requests: asking the system for 8 bytes at a time costs more than the rest of an id. */
const POOL_BYTES = 4_096;
const pool = Buffer.alloc(POOL_BYTES);
let poolUsed = POOL_BYTES;

function randomHex(bytes: number): string {
  if (poolUsed + bytes > POOL_BYTES) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  poolUsed += bytes;
  return pool.toString('hex', poolUsed - bytes, poolUsed);
}
