import type { Clock, ServiceResult } from '@sallyport/kernel';
import type {
  ServiceCheckRecord,
  ServiceHistoryAnswer,
  ServiceRecord,
  ServicesAnswer,
} from '../admin/contract-services.ts';
import type { HealthChecks } from './health-checks.ts';
import type { ListenerCertificates } from './listener-certificates.ts';
import { targetText } from './service.ts';
import type { ServiceWatch } from './service-watch.ts';
import { DAY_MS, HOUR_MS, uptimeSince } from './shares.ts';

/** Answers how services are. */
export interface ServiceHealthPort {
  list(): ServicesAnswer;
  /** Undefined: no service of this name is configured. */
  find(name: string): ServiceHistoryAnswer | undefined;
}

export function healthReport(
  checks: HealthChecks,
  certificates: ListenerCertificates,
  clock: Clock,
): ServiceHealthPort {
  return {
    list: () => ({
      services: checks.watches.map((watch) => recordOf(watch, clock.wallMs())),
      certificates: certificates.list(),
    }),
    find: (name) => {
      const watch = checks.find(name);
      return watch === undefined ? undefined : historyOf(watch, clock.wallMs());
    },
  };
}

function recordOf(watch: ServiceWatch, nowMs: number): ServiceRecord {
  const { service, state, certificate, history } = watch;
  const last = history.results.at(-1);
  const hourMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS;
  const dayMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
  return {
    name: service.name,
    kind: service.target.kind,
    target: targetText(service.target),
    status: state.status,
    sinceMs: state.sinceMs,
    isFlapping: watch.isFlapping(nowMs),
    lastCheck: last === undefined ? null : checkOf(last),
    certificate: certificate === undefined ? null : { endsMs: certificate.endsMs, stage: certificate.stage ?? null },
    uptime: {
      day: uptimeSince(history.hours, hourMs - DAY_MS) ?? null,
      month: uptimeSince(history.days, dayMs - 30 * DAY_MS) ?? null,
    },
  };
}

function historyOf(watch: ServiceWatch, nowMs: number): ServiceHistoryAnswer {
  const { results, changes, days } = watch.history;
  return {
    service: recordOf(watch, nowMs),
    checks: results.toReversed().map(checkOf),
    changes: changes.toReversed().map(({ timeMs, from, to, code, detail }) => ({ timeMs, from, to, code, detail })),
    days: days.toReversed(),
  };
}

function checkOf({ timeMs, outcome, code, detail, durationMs }: ServiceResult): ServiceCheckRecord {
  return { timeMs, outcome, code, detail, durationMs };
}
