/**
 * How long nothing is to be sent, in milliseconds; 0: go on. `limits` is `X-Sentry-Rate-Limits`, as
 * https://develop.sentry.dev/sdk/expected-features/rate-limiting/ says: `SECONDS:CATEGORIES:SCOPE...`, with commas between, where
 * no category means all. It counts with every status; a 429 without it is what `Retry-After` says, or a minute.
 */
export function pauseAfter(answer: {
  readonly status: number | undefined;
  readonly limits: string;
  readonly retryAfterMs: number | undefined;
}): number {
  const told = answer.limits.slice(0, LIMITS_LENGTH_MAX).split(',').map(limitOf);
  const pauseMs = Math.max(...told);
  if (pauseMs > 0) return Math.min(pauseMs, PAUSE_MS_MAX);
  return answer.status === 429 ? Math.min(answer.retryAfterMs ?? PAUSE_MS, PAUSE_MS_MAX) : 0;
}

const PAUSE_MS = 60_000;

/** Longest pause, whatever the receiver says: a number of a confused one must not silence us for good. */
const PAUSE_MS_MAX = 3_600_000;

const LIMITS_LENGTH_MAX = 1_024;

function limitOf(limit: string): number {
  const [seconds = '', categories = ''] = limit.trim().split(':');
  if (!/^[0-9]{1,9}(?:\.[0-9]{1,3})?$/.test(seconds)) return 0;
  return categories === '' || categories.split(';').includes('error') ? Math.ceil(Number(seconds) * 1_000) : 0;
}
