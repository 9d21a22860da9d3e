import { type Field, type FieldExtras, field } from './field.ts';
import { BYTES_IN, BYTES_OUT, CLIENT, DECIDED, DURATION, HEAD, IDENTITY, PLACE, REQUEST_ID } from './fields.ts';

const TEXT = ['text', 'operational'] as const;
const TEXTS = ['texts', 'operational'] as const;
const COUNT = ['integer', 'operational'] as const;
const FEW: FieldExtras = { isLowCardinality: true };

const REQUEST: readonly Field[] = [
  field('method', TEXT, 'As the client sent it. Absent: the request could not be parsed.', {
    ...FEW,
    ocsf: 'http_request.http_method',
    ecs: 'http.request.method',
    sigma: ['cs-method'],
  }),
  field('host', TEXT, 'The host that was asked for, normalised.', {
    ...FEW,
    ocsf: 'http_request.url.hostname',
    ecs: 'url.domain',
    sigma: ['cs-host'],
  }),
  field('path', ['text', 'personal'], 'The normalised path, never the query: queries carry secrets.', {
    ocsf: 'http_request.url.path',
    ecs: 'url.path',
    sigma: ['cs-uri-stem', 'c-uri-stem', 'c-uri'],
  }),
  field('httpVersion', TEXT, 'Where it is not 1.1.', {
    ...FEW,
    ocsf: 'http_request.version',
    ecs: 'http.version',
    sigma: ['cs-version'],
  }),
  field('isWebSocket', ['flag', 'operational'], 'It is the handshake of a WebSocket.', {
    ...FEW,
    whenAbsent: { is: false },
    ecs: 'labels.is_web_socket',
  }),
  field('status', ['integer', 'public'], 'Status sent to the client; 0 when nothing was.', {
    ...FEW,
    ocsf: 'http_response.code',
    ecs: 'http.response.status_code',
    sigma: ['sc-status'],
  }),
];

const STAGES: readonly Field[] = [
  field('faultOf', TEXT, 'Whose fault a failure was: `client`, `upstream` or `internal`.', {
    ...FEW,
    ecs: 'labels.fault_of',
  }),
  field('observed', ['structure', 'operational'], 'What stages in observe mode would have done.'),
  field('observed.stage', TEXTS, 'Which stages.', FEW),
  field('observed.verdict', TEXTS, 'What each would have done.', FEW),
  field('observed.reason', TEXTS, 'Why each would have done it.', FEW),
  field('failedStages', TEXTS, 'Stages that failed and fell back to their `onFailure`.', FEW),
  field('stageUs', ['structure', 'operational'], 'Time that each stage took.'),
  ...['lists', 'decisions', 'routing', 'protocol', 'waf'].map((stage) =>
    field(`stageUs.${stage}`, COUNT, `Time that the stage \`${stage}\` took.`, { unit: 'microseconds' }),
  ),
];

const UPSTREAM: readonly Field[] = [
  field('upstream', TEXT, 'The upstream that was asked.', {
    ...FEW,
    ocsf: 'dst_endpoint.svc_name',
    ecs: 'service.name',
  }),
  field('upstreamServer', TEXT, 'Which of its servers, the last one asked.', {
    ...FEW,
    ocsf: 'dst_endpoint.name',
    ecs: 'server.address',
  }),
  field('upstreamAttempts', COUNT, 'Tries made, where there was more than one.', FEW),
  field('upstreamHeadMs', ['real', 'operational'], 'From asking it to the head of its answer, all tries together.', {
    unit: 'milliseconds',
  }),
];

const INSPECTION: readonly Field[] = [
  field('inspection', ['structure', 'personal'], 'What rules found.'),
  field('inspection.mode', TEXT, '`detect` (nothing was refused) or `block`.', FEW),
  field('inspection.ruleSet', TEXT, 'Which rules: the first digits of the hash of the rule set.', {
    ...FEW,
    ecs: 'rule.ruleset',
  }),
  field('inspection.inboundScore', COUNT, 'What matches in the request added to anomaly scores.', {
    ecs: 'event.risk_score',
  }),
  field('inspection.outboundScore', COUNT, 'What matches in the response added to anomaly scores.'),
  field('inspection.ruleIds', ['integers', 'operational'], 'Every rule that matched, in order; at most 200.', {
    ...FEW,
    ecs: 'rule.id',
  }),
  field(
    'inspection.matches',
    ['structure', 'personal'],
    'The same with their story, the decisive one first; at most 20.',
  ),
  field('inspection.matches.id', ['integers', 'operational'], 'The rules of those matches.', {
    ...FEW,
    ocsf: 'firewall_rule.uid',
  }),
  field('inspection.matches.phase', ['integers', 'operational'], 'Their phases, 1 to 5.', FEW),
  field('inspection.matches.message', TEXTS, 'What each rule says it is against.', {
    ...FEW,
    ocsf: 'firewall_rule.name',
    ecs: 'rule.name',
  }),
  field('inspection.matches.data', ['texts', 'personal'], 'What each rule says about its match, secrets masked.'),
  field('inspection.matches.severity', ['integers', 'operational'], '0 (emergency) to 7 (debug); -1: none.', FEW),
  field('inspection.matches.target', ['texts', 'personal'], 'The first part that matched, `ARGS:name`.', {
    ocsf: 'firewall_rule.match_location',
  }),
  field(
    'inspection.matches.excerpt',
    ['texts', 'personal'],
    'What stood there, cut, everything masked that could be a secret.',
  ),
  field('inspection.matches.transformations', TEXTS, 'How the value was read before it was compared.', FEW),
  field('inspection.matches.score', ['integers', 'operational'], 'What each match added to anomaly scores.', FEW),
  field('inspection.matches.exclusion', ['texts', 'personal'], 'The exclusion that would have let this part pass.'),
];

/** One HTTP request with its response; also the handshake of a WebSocket. */
export const EXCHANGE: readonly Field[] = [
  ...HEAD,
  REQUEST_ID,
  ...CLIENT,
  ...REQUEST,
  ...DECIDED,
  ...STAGES,
  ...INSPECTION,
  ...PLACE,
  ...UPSTREAM,
  { ...BYTES_IN, whenAbsent: { is: 0 } },
  BYTES_OUT,
  DURATION,
  field('traceId', TEXT, 'W3C trace id; the upstream gets it in `traceparent`.', {
    ocsf: 'trace.uid',
    ecs: 'trace.id',
  }),
  ...IDENTITY,
];
