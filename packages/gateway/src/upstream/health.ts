import type { HealthCheck, UpstreamConfig } from '@sallyport/kernel';

/** What is known about one server's health. Two witnesses: checks of our own, and what happened to requests. */
export interface Health {
  /** By active checks; `unknown` until the first one has ended, and for ever without checks. */
  readonly checked: 'unknown' | 'up' | 'down';
  /** Check results in a row that contradict `checked`. */
  readonly contradictions: number;
  /** Failed requests in a row. */
  readonly failures: number;
  /** The server is left out until then. */
  readonly ejectedUntilMs: number;
}

export const UNKNOWN_HEALTH: Health = Object.freeze({
  checked: 'unknown',
  contradictions: 0,
  failures: 0,
  ejectedUntilMs: Number.NEGATIVE_INFINITY,
});

/** May the server be asked, as far as is known? A server nothing is known about may. */
export function isIn(health: Health, nowMs: number): boolean {
  return health.checked !== 'down' && nowMs >= health.ejectedUntilMs;
}

/** After an active check. The first result counts at once; later ones need to agree as often as the thresholds say. */
export function afterCheck(health: Health, isHealthy: boolean, check: HealthCheck): Health {
  const result = isHealthy ? 'up' : 'down';
  if (health.checked === 'unknown') return { ...health, checked: result };
  if (health.checked === result) return health.contradictions === 0 ? health : { ...health, contradictions: 0 };
  const contradictions = health.contradictions + 1;
  if (contradictions < (isHealthy ? check.healthyAfter : check.unhealthyAfter)) return { ...health, contradictions };
  return { ...health, checked: result, contradictions: 0 };
}

/** After a request that succeeded. */
export function afterSuccess(health: Health): Health {
  return health.failures === 0 ? health : { ...health, failures: 0 };
}

/**
 * After a request that failed. With `failuresMax` in a row the server is left out for `durationMs`; when it is back one
 * more failure is enough, until a request succeeds.
 */
export function afterFailure(health: Health, ejection: UpstreamConfig['ejection'], nowMs: number): Health {
  const failures = Math.min(health.failures + 1, ejection.failuresMax);
  if (failures < ejection.failuresMax || nowMs < health.ejectedUntilMs) return { ...health, failures };
  return { ...health, failures, ejectedUntilMs: nowMs + ejection.durationMs };
}
