/** What the dashboard shows. */

/** One panel, as wide as the part of a row that it is given. */
export interface Panel {
  readonly title: string;
  /** What it says and when to worry. */
  readonly description: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
}

interface Query {
  readonly expression: string;
  /** Grafana's template for the name of a series. */
  readonly legend: string;
}

/** As Grafana calls them. */
type Unit = 'short' | 'percentunit' | 'bytes' | 'Bps' | 's' | 'reqps' | 'ops';

interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** Instances that are chosen above the dashboard; `job` as in deploy/prometheus. */
const CHOSEN = 'job="$job",instance=~"$instance"';

function rate(metric: string, by: string, labels = ''): string {
  const selector = labels === '' ? CHOSEN : `${CHOSEN},${labels}`;
  return `sum by (${by}) (rate(${metric}{${selector}}[$__rate_interval]))`;
}

function query(expression: string, legend: string): Query {
  return { expression, legend };
}

const ERROR_SHARE = `${rate('gateway_http_responses_total', 'instance', 'class="5xx"')} / ${rate('gateway_http_responses_total', 'instance')}`;

const TRAFFIC: Row = {
  title: 'Traffic',
  panels: [
    {
      title: 'Connections',
      description:
        'Open connections of clients, WebSockets among them, and how many there may be. The target of one instance is 2,500.',
      unit: 'short',
      queries: [
        query(`sum by (instance, listener) (gateway_connections{${CHOSEN}})`, '{{instance}} {{listener}}'),
        query(`sum by (instance) (gateway_ws_connections{${CHOSEN}})`, '{{instance}} WebSockets'),
        query(`sum by (instance) (gateway_connections_max{${CHOSEN}})`, '{{instance}} limit'),
      ],
    },
    {
      title: 'Network bandwidth',
      description: 'Bytes a second on connections of clients and to servers, as the gateway sees the direction.',
      unit: 'Bps',
      queries: [
        query(rate('gateway_client_bytes_total', 'instance, direction'), '{{instance}} clients {{direction}}'),
        query(rate('gateway_upstream_bytes_total', 'instance, direction'), '{{instance}} servers {{direction}}'),
      ],
    },
    {
      title: 'Requests',
      description: 'Answers a second by class of status.',
      unit: 'reqps',
      queries: [query(rate('gateway_http_responses_total', 'class'), '{{class}}')],
    },
    {
      title: 'Error rate',
      description: 'Share of answers with a status of 500 or more.',
      unit: 'percentunit',
      queries: [query(ERROR_SHARE, '{{instance}}')],
    },
    {
      title: 'Latency',
      description:
        'Time from a request to the end of its response: half, one in twenty and one in a hundred take longer.',
      unit: 's',
      queries: [0.5, 0.95, 0.99].map((quantile) =>
        query(
          `histogram_quantile(${quantile}, ${rate('http_server_request_duration_seconds_bucket', 'le')})`,
          `p${quantile * 100}`,
        ),
      ),
    },
    {
      title: 'WebSocket messages',
      description: 'Messages a second, by direction and by what became of them.',
      unit: 'ops',
      queries: [query(rate('gateway_ws_messages_total', 'direction, verdict'), '{{direction}} {{verdict}}')],
    },
  ],
};

const MACHINE: Row = {
  title: 'Machine and process',
  panels: [
    {
      title: 'CPU',
      description: 'Cores in use: by the machine, by the process, and what the control group was denied.',
      unit: 'short',
      queries: [
        query(
          `sum by (instance) (rate(system_cpu_usage_seconds_total{${CHOSEN}}[$__rate_interval]))`,
          '{{instance}} machine',
        ),
        query(rate('process_cpu_seconds_total', 'instance'), '{{instance}} process'),
        query(rate('sallyport_cgroup_cpu_throttled_seconds_total', 'instance'), '{{instance}} throttled'),
        query(`system_cpu_logical_cores{${CHOSEN}}`, '{{instance}} cores'),
      ],
    },
    {
      title: 'Memory',
      description: 'Of the machine, of the process, and the limit of its control group.',
      unit: 'bytes',
      queries: [
        query(`system_memory_usage_bytes{${CHOSEN}}`, '{{instance}} machine'),
        query(`system_memory_limit_bytes{${CHOSEN}}`, '{{instance}} machine has'),
        query(`process_resident_memory_bytes{${CHOSEN}}`, '{{instance}} process'),
        query(`sallyport_cgroup_memory_limit_bytes{${CHOSEN}}`, '{{instance}} limit'),
      ],
    },
    {
      title: 'Threads',
      description: 'Share of the time in which an event loop does not wait. At 1 everything on it waits.',
      unit: 'percentunit',
      queries: [query(rate('nodejs_eventloop_active_seconds_total', 'instance, worker'), '{{instance}} {{worker}}')],
    },
    {
      title: 'Event loop lag',
      description: 'One in a hundred turns was later than this.',
      unit: 's',
      queries: [query(`nodejs_eventloop_lag_seconds{${CHOSEN},quantile="0.99"}`, '{{instance}} {{worker}}')],
    },
    {
      title: 'Heap and garbage collection',
      description: 'JavaScript heap of each thread. A thread that reaches the limit ends with its connections.',
      unit: 'bytes',
      queries: [
        query(`nodejs_heap_size_used_bytes{${CHOSEN}}`, '{{instance}} {{worker}}'),
        query(`nodejs_heap_size_limit_bytes{${CHOSEN}}`, '{{instance}} limit'),
      ],
    },
    {
      title: 'File descriptors',
      description: 'Open ones and how many there may be. From seven eighths on connections are turned away.',
      unit: 'short',
      queries: [
        query(`process_open_fds{${CHOSEN}}`, '{{instance}} open'),
        query(`process_max_fds{${CHOSEN}}`, '{{instance}} limit'),
        query(rate('gateway_accept_refused_total', 'instance, cause'), '{{instance}} turned away: {{cause}}'),
      ],
    },
  ],
};

const SECURITY: Row = {
  title: 'Security',
  panels: [
    {
      title: 'Refusals by reason',
      description: 'Requests a second that the gateway refused, by who decided and why.',
      unit: 'reqps',
      queries: [query(rate('proxy_blocked_requests_total', 'stage, reason'), '{{stage}} {{reason}}')],
    },
    {
      title: 'Connections refused',
      description: 'Ended before their first request or for a limit, and TLS handshakes that failed.',
      unit: 'ops',
      queries: [
        query(rate('gateway_connections_refused_total', 'listener, reason'), '{{listener}} {{reason}}'),
        query(rate('gateway_tls_handshakes_total', 'listener, result', 'result!="ok"'), '{{listener}} TLS {{result}}'),
      ],
    },
    {
      title: 'Firewall findings',
      description: 'Rules that matched, by what became of the exchange.',
      unit: 'ops',
      queries: [query(`topk(10, ${rate('gateway_waf_matches_total', 'rule, action')})`, '{{rule}} {{action}}')],
    },
    {
      title: 'Cost of judgement',
      description: 'Cores that each stage takes; the stage waf is the firewall.',
      unit: 'short',
      queries: [query(rate('gateway_stage_seconds_total', 'stage'), '{{stage}}')],
    },
    {
      title: 'Failed sign-ins',
      description: 'Proofs of front doors by method, and credentials at the admin API, that were refused.',
      unit: 'ops',
      queries: [
        query(rate('gateway_auth_attempts_total', 'method', 'result="refused"'), '{{method}}'),
        query(rate('sallyport_admin_wrong_credentials_total', 'instance'), '{{instance}} admin API'),
      ],
    },
    {
      title: 'Bans and attack level',
      description: 'Decisions in force, and how defensive the gateway is told to be.',
      unit: 'short',
      queries: [
        query(`sallyport_decisions{${CHOSEN}}`, '{{instance}} {{kind}}'),
        query(`sallyport_attack_level{${CHOSEN}}`, '{{instance}} attack level'),
      ],
    },
  ],
};

const INSIDE: Row = {
  title: 'Upstreams, workers and records',
  panels: [
    {
      title: 'Upstream health',
      description: '1: every worker may ask the server. The breaker is 0 closed, 1 half-open, 2 open.',
      unit: 'short',
      queries: [
        query(`gateway_upstream_healthy{${CHOSEN}}`, '{{instance}} {{upstream}} {{server}}'),
        query(`gateway_upstream_breaker_state{${CHOSEN}}`, '{{instance}} {{upstream}} breaker'),
      ],
    },
    {
      title: 'Tries at servers',
      description: 'By result; retries are tries after the first one.',
      unit: 'ops',
      queries: [
        query(rate('gateway_upstream_requests_total', 'upstream, result'), '{{upstream}} {{result}}'),
        query(rate('gateway_upstream_retries_total', 'upstream'), '{{upstream}} retries'),
      ],
    },
    {
      title: 'Workers',
      description: 'Threads by state, and those that were lost.',
      unit: 'short',
      queries: [
        query(`gateway_workers{${CHOSEN}}`, '{{instance}} {{state}}'),
        query(`sum by (cause) (increase(gateway_workers_lost_total{${CHOSEN}}[1h]))`, 'lost in an hour: {{cause}}'),
      ],
    },
    {
      title: 'Event store',
      description: 'Events stored and dropped a second.',
      unit: 'ops',
      queries: [
        query(rate('sallyport_events_stored_total', 'instance'), '{{instance}} stored'),
        query(rate('sallyport_events_dropped_total', 'instance, cause'), '{{instance}} dropped: {{cause}}'),
        query(rate('gateway_log_lines_dropped_total', 'instance'), '{{instance}} log lines dropped'),
      ],
    },
    {
      title: 'State folder',
      description: 'What it holds, what its file system has left, and events on their way to it.',
      unit: 'bytes',
      queries: [
        query(`sallyport_store_used_bytes{${CHOSEN}}`, '{{instance}} used'),
        query(`sallyport_store_free_bytes{${CHOSEN}}`, '{{instance}} free'),
        query(`sallyport_events_waiting_bytes{${CHOSEN}}`, '{{instance}} waiting'),
      ],
    },
    {
      title: 'Ready and draining',
      description:
        'Whether the gateway should be sent traffic, whether it finishes what it has, and hand-overs to other processes.',
      unit: 'short',
      queries: [
        query(`sallyport_ready{${CHOSEN}}`, '{{instance}} ready'),
        query(`sallyport_draining{${CHOSEN}}`, '{{instance}} draining'),
        query(
          `sum by (result) (increase(sallyport_take_overs_total{${CHOSEN}}[1h]))`,
          'hand-overs in an hour: {{result}}',
        ),
      ],
    },
  ],
};

const DELIVERIES: Row = {
  title: 'Services and deliveries',
  panels: [
    {
      title: 'Services',
      description: '1: a service answers its checks.',
      unit: 'short',
      queries: [query(`sallyport_service_up{${CHOSEN}}`, '{{instance}} {{service}}')],
    },
    {
      title: 'Certificates of services',
      description: 'Time until they end.',
      unit: 's',
      queries: [query(`sallyport_service_certificate_expiry_seconds{${CHOSEN}} - time()`, '{{instance}} {{service}}')],
    },
    {
      title: 'Checks',
      description: 'Checks of services a second, by outcome.',
      unit: 'ops',
      queries: [query(rate('sallyport_service_checks_total', 'service, outcome'), '{{service}} {{outcome}}')],
    },
    {
      title: 'Sinks',
      description: 'Events a second to each place that they are sent to, and those that it did not get.',
      unit: 'ops',
      queries: [
        query(rate('sallyport_sink_lines_total', 'sink'), '{{sink}}'),
        query(rate('sallyport_sink_dropped_total', 'sink'), '{{sink}} dropped'),
      ],
    },
    {
      title: 'Waiting',
      description: 'How long the oldest event has waited for a sink, and the oldest notification for its channel.',
      unit: 's',
      queries: [
        query(`sallyport_sink_lag_seconds{${CHOSEN}}`, '{{instance}} {{sink}}'),
        query(`sallyport_notifications_oldest_seconds{${CHOSEN}}`, '{{instance}} {{channel}}'),
      ],
    },
    {
      title: 'Notifications',
      description: 'Taken by a receiver, and tries that failed.',
      unit: 'ops',
      queries: [
        query(rate('sallyport_notifications_sent_total', 'channel'), '{{channel}} sent'),
        query(rate('sallyport_notifications_failed_total', 'channel, failure'), '{{channel}} {{failure}}'),
      ],
    },
    {
      title: 'Error reports',
      description: 'Reports of errors that the receiver has taken, and those that were not sent.',
      unit: 'ops',
      queries: [
        query(rate('sallyport_error_reports_sent_total', 'instance'), '{{instance}} sent'),
        query(rate('sallyport_error_reports_dropped_total', 'cause'), 'dropped {{cause}}'),
      ],
    },
  ],
};

/** What is asked first stands first. Metrics of further parts get a row of their own. */
export const ROWS: readonly Row[] = [TRAFFIC, MACHINE, SECURITY, INSIDE, DELIVERIES];
