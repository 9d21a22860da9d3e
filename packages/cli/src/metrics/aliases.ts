import type { FamilySnapshot, MetricsSnapshot, MetricType } from '@sallyport/kernel';

/** A second name for something that other metrics say in more detail. */
export interface Alias {
  /** What operators and monitoring handbooks call it. */
  readonly asked: string;
  /** As Prometheus names it: with unit, and `_total` for what is counted. */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** The metrics it is the sum of, with the labels of the series that count; without labels all do. */
  readonly of: readonly AliasSource[];
}

export interface AliasSource {
  readonly metric: string;
  /** A label of which one of these values is meant. */
  readonly only?: { readonly label: string; readonly values: readonly string[] };
}

/**
 * All of them, which are always there: none has a label, so together they are 25 lines of an exposition, and no request costs
 * anything for them. What others call a rate is a count here: Prometheus makes rates, over any time one asks for.
 */
export const ALIASES: readonly Alias[] = [
  {
    asked: 'system.cpu.usage',
    name: 'system_cpu_usage_seconds_total',
    type: 'counter',
    help: 'CPU time of the machine in use; its rate by system_cpu_logical_cores is the usage.',
    of: [
      {
        metric: 'system_cpu_time_seconds_total',
        only: { label: 'mode', values: ['user', 'nice', 'system', 'irq', 'softirq', 'steal'] },
      },
    ],
  },
  {
    asked: 'app.requests.rate',
    name: 'app_requests_total',
    type: 'counter',
    help: 'Requests that have ended.',
    of: [{ metric: 'gateway_http_responses_total' }],
  },
  {
    asked: 'app.errors.rate',
    name: 'app_errors_total',
    type: 'counter',
    help: 'Requests that were answered with a status of 500 or more.',
    of: [{ metric: 'gateway_http_responses_total', only: { label: 'class', values: ['5xx'] } }],
  },
  {
    asked: 'app.response.time',
    name: 'app_response_time_seconds',
    type: 'histogram',
    help: 'Time from a request to the end of its response.',
    of: [{ metric: 'http_server_request_duration_seconds' }],
  },
  {
    asked: 'security.failed_logins',
    name: 'security_failed_logins_total',
    type: 'counter',
    help: 'Proofs of identity that were refused: at front doors of listeners and at the admin API.',
    of: [
      { metric: 'gateway_auth_attempts_total', only: { label: 'result', values: ['refused'] } },
      { metric: 'sallyport_admin_wrong_credentials_total' },
    ],
  },
  {
    asked: 'security.blocked_requests',
    name: 'security_blocked_requests_total',
    type: 'counter',
    help: 'Requests that the gateway refused.',
    of: [{ metric: 'proxy_blocked_requests_total' }],
  },
];

/** All values with those that other names add. */
export function withAliases(snapshot: MetricsSnapshot): MetricsSnapshot {
  const families = new Map(snapshot.map((family) => [family.name, family]));
  return [...snapshot, ...ALIASES.map((alias) => familyOf(alias, families))];
}

function familyOf({ name, type, help, of }: Alias, families: ReadonlyMap<string, FamilySnapshot>): FamilySnapshot {
  const bounds = of.flatMap(({ metric }) => families.get(metric)?.bounds ?? []);
  const parts = of.flatMap(({ metric, only }) => {
    const series = families.get(metric)?.series ?? [];
    return series.filter(({ labels }) => isMeant(labels, only)).map(({ values }) => values);
  });
  const length = type === 'histogram' ? bounds.length + SUM_AND_COUNT : 1;
  const values = Array.from({ length }, (_, place) => sum(parts.map((part) => part[place] ?? 0)));
  return { name, type, help, merge: 'sum', labels: [], bounds, series: [{ labels: '', values }] };
}

/** What a histogram holds beside its buckets. */
const SUM_AND_COUNT = 2;

/** Quotation marks inside of values are escaped, so no value can look like another label. */
function isMeant(labels: string, only: AliasSource['only']): boolean {
  return only === undefined || only.values.some((value) => `,${labels},`.includes(`,${only.label}="${value}",`));
}

/**
 * In the order of size: series change their order when a worker ends, sums of fractions depend on it in their last bit, and a
 * counter that falls by however little looks to Prometheus like one that began again.
 */
function sum(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other).reduce((total, value) => total + value, 0);
}
