import type { ServiceShare, ServiceStatus } from '@sallyport/kernel';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** A time during which a service was in one state. */
export interface Stay {
  readonly status: ServiceStatus;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Adds a stay to shares of `lengthMs` each, the oldest first, of which at most `sharesMax` are kept. What is unknown adds nothing. */
export function withStay(
  shares: readonly ServiceShare[],
  { status, fromMs, toMs }: Stay,
  { lengthMs, sharesMax }: { readonly lengthMs: number; readonly sharesMax: number },
): readonly ServiceShare[] {
  if (status === 'unknown' || !(fromMs < toMs)) return shares;
  const next = [...shares];
  // What lies before everything that is kept would be thrown away again.
  let atMs = Math.max(fromMs, toMs - sharesMax * lengthMs);
  while (atMs < toMs) {
    const startMs = Math.floor(atMs / lengthMs) * lengthMs;
    const endMs = Math.min(startMs + lengthMs, toMs);
    addTo(next, { startMs, status, ms: endMs - atMs, lengthMs });
    atMs = endMs;
  }
  return next.slice(-sharesMax);
}

interface Piece {
  readonly startMs: number;
  readonly status: ServiceStatus;
  readonly ms: number;
  readonly lengthMs: number;
}

function addTo(shares: ServiceShare[], { startMs, status, ms, lengthMs }: Piece): void {
  const at = shares.findLastIndex((share) => share.startMs <= startMs);
  const known = shares[at];
  const isKnown = known?.startMs === startMs;
  const base = isKnown ? known : { startMs, upMs: 0, degradedMs: 0, downMs: 0 };
  // A clock that was set back must not make an hour longer than it is.
  const added = Math.min(ms, lengthMs - base.upMs - base.degradedMs - base.downMs);
  const grown: ServiceShare = {
    startMs,
    upMs: base.upMs + (status === 'up' ? added : 0),
    degradedMs: base.degradedMs + (status === 'degraded' ? added : 0),
    downMs: base.downMs + (status === 'down' ? added : 0),
  };
  if (isKnown) shares[at] = grown;
  else shares.splice(at + 1, 0, grown);
}

/** Which share of the known time since `fromMs` a service answered, slowly or not; undefined: nothing is known. */
export function uptimeSince(shares: readonly ServiceShare[], fromMs: number): number | undefined {
  const counted = shares.filter(({ startMs }) => startMs >= fromMs);
  const answered = counted.reduce((sum, { upMs, degradedMs }) => sum + upMs + degradedMs, 0);
  const down = counted.reduce((sum, { downMs }) => sum + downMs, 0);
  return answered + down === 0 ? undefined : answered / (answered + down);
}
