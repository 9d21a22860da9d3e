import { AttackDetector } from '@sallyport/control';
import type { AttackThresholds, Clock, Log, MetricsSnapshot, NoticeSink } from '@sallyport/kernel';

export interface AttackWatchOptions {
  readonly thresholds: AttackThresholds;
  readonly notices: NoticeSink;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  /** What all workers have counted. */
  readonly counts: () => Promise<MetricsSnapshot>;
}

/** Looks every few seconds whether the gateway is under attack, and says so. Returns how to stop it. */
export function watchForAttacks(options: AttackWatchOptions): () => void {
  const { thresholds, notices, node, clock, log, counts } = options;
  const detector = new AttackDetector(thresholds);
  let isLooking = false;
  const look = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    try {
      const { isAttack, refused, share, usual } = detector.look(attackTotals(await counts()), clock.monotonicMs());
      const percent = `${Math.round(share * 100)} %`;
      notices.notify({
        kind: 'under-attack',
        subject: node,
        status: isAttack ? 'firing' : 'resolved',
        severity: isAttack ? 'critical' : 'info',
        summary: isAttack
          ? `${node} refuses far more than usual: ${refused} in the last minute, ${percent} of all`
          : `${node} no longer refuses more than usual`,
        facts: { refused: String(refused), share: percent, usual: String(Math.round(usual)) },
        timeMs: clock.wallMs(),
      });
    } catch (error) {
      log.warn('it is not known whether the gateway is under attack', { error });
    } finally {
      isLooking = false;
    }
  };
  const timer = setInterval(() => void look(), LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** An administrator has told the gateway to be more defensive, or no longer. */
export function attackLevelChanged(
  level: number,
  options: Pick<AttackWatchOptions, 'notices' | 'node' | 'clock'>,
): void {
  const { notices, node, clock } = options;
  notices.notify({
    kind: 'under-attack',
    subject: `${node}: attack level`,
    status: level > 0 ? 'firing' : 'resolved',
    severity: level > 0 ? 'warning' : 'info',
    summary:
      level > 0
        ? `an administrator has set the attack level of ${node} to ${level}`
        : `the attack level of ${node} is 0 again`,
    facts: { level: String(level) },
    timeMs: clock.wallMs(),
  });
}

const LOOK_MS = 5_000;

/** Sums over all workers; no counter falls because one of them ended. */
function attackTotals(snapshot: MetricsSnapshot): { readonly all: number; readonly refused: number } {
  const sum = (name: string): number =>
    snapshot
      .filter((family) => family.name === name)
      // Of a histogram the last value is the count of all.
      .reduce((all, { series }) => all + series.reduce((part, { values }) => part + (values.at(-1) ?? 0), 0), 0);
  const connections = sum('gateway_connections_refused_total');
  return {
    all: sum('http_server_request_duration_seconds') + connections,
    refused: sum('proxy_blocked_requests_total') + connections,
  };
}
