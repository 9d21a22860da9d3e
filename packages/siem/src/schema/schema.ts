import { EXCHANGE } from './exchange.ts';
import { type Field, type FieldExtras, field, type Kind } from './field.ts';
import {
  AUTHOR,
  BYTES_IN,
  BYTES_OUT,
  CLIENT,
  DECIDED,
  DETAIL,
  DURATION,
  HEAD,
  IDENTITY,
  PHASE,
  PLACE,
  REASON,
  REASON_DETAIL,
  REQUEST_ID,
  RESULT,
} from './fields.ts';

/**
 * What an event record may say: one flat record for each kind, the same in the log, in the store and in exports. Fields are
 * added within a version; one that is renamed or changes its type makes a new version.
 */
export interface EventSchema {
  readonly version: 1;
  readonly kinds: Readonly<Record<Kind, readonly Field[]>>;
}

const TEXT = ['text', 'operational'] as const;
const PERSONAL_TEXT = ['text', 'personal'] as const;
const COUNT = ['integer', 'operational'] as const;
const FEW: FieldExtras = { isLowCardinality: true };

const MESSAGE: readonly Field[] = [
  ...HEAD,
  REQUEST_ID,
  ...CLIENT,
  field('direction', TEXT, '`in`: from the client to the upstream; `out`: the other way.', {
    ...FEW,
    ecs: 'network.direction',
  }),
  field('opcode', COUNT, 'Of the frame that was judged: 1 text, 2 binary, 8 close, 9 ping, 10 pong.', FEW),
  field('bytes', COUNT, 'Payload of the message, as far as it was judged.', { unit: 'bytes', ecs: 'network.bytes' }),
  ...DECIDED,
  field('excerpt', PERSONAL_TEXT, 'What the payload looked like, cut, every letter and digit masked.'),
  ...PLACE,
  ...IDENTITY,
];

const CONNECTION: readonly Field[] = [
  ...HEAD,
  PHASE,
  REQUEST_ID,
  ...PLACE,
  ...CLIENT,
  ...REASON,
  field('closeCode', COUNT, 'WebSocket close code; 0 when there is none.', FEW),
  field('closedBy', TEXT, 'Who ended it: `client`, `upstream` or `gateway`.', { ...FEW, ecs: 'labels.closed_by' }),
  field('messagesIn', COUNT, 'Messages from the client.', { ocsf: 'traffic.packets_out', ecs: 'client.packets' }),
  field('messagesOut', COUNT, 'Messages to the client.', { ocsf: 'traffic.packets_in', ecs: 'server.packets' }),
  BYTES_IN,
  BYTES_OUT,
  DURATION,
  ...IDENTITY,
];

const AUTHENTICATION: readonly Field[] = [
  ...HEAD,
  REQUEST_ID,
  ...CLIENT,
  field('realm', TEXT, 'What it would open: `service` or `administration`.', {
    ...FEW,
    ocsf: 'service.name',
    ecs: 'labels.realm',
  }),
  field('method', TEXT, 'By what: `access-token`, `origin-secret`, `client-certificate`, `session`, `link`.', {
    ...FEW,
    ocsf: 'auth_protocol',
    ecs: 'labels.method',
  }),
  RESULT,
  field('subject', PERSONAL_TEXT, 'Who it was, as the proof says.', {
    ocsf: 'user.name',
    ecs: 'user.name',
    sigma: ['cs-username'],
  }),
  ...REASON,
  ...PLACE,
  ...IDENTITY,
];

const DECISION: readonly Field[] = [
  ...HEAD,
  PHASE,
  field('decisionId', TEXT, 'Id of the decision.', { ocsf: 'finding_info.uid', ecs: 'event.id' }),
  field('decisionKind', TEXT, '`ban` or `allowance`.', { ...FEW, ecs: 'labels.decision_kind' }),
  field('scopeKind', TEXT, 'What it holds for: an `address` or a `network`.', FEW),
  field('scope', ['address', 'personal'], 'That address or network.', { ecs: 'related.ip' }),
  REASON_DETAIL,
  AUTHOR,
  field('takenBy', PERSONAL_TEXT, 'Who took it; the author of this event may be another one, who revoked it.', FEW),
  field('createdAt', ['time', 'operational'], 'When it was taken.', {
    ocsf: 'finding_info.created_time',
    ecs: 'event.start',
  }),
  field('endsAt', ['time', 'operational'], 'When it ends by itself. Absent: not before it is revoked.', {
    ecs: 'event.end',
  }),
  ...IDENTITY,
];

const ADMINISTRATION: readonly Field[] = [
  ...HEAD,
  AUTHOR,
  field('session', TEXT, 'Id of the session, which opens nothing.', { ocsf: 'actor.session.uid' }),
  field('door', TEXT, 'Through which door: `socket`, `port` or `signal`.', {
    ...FEW,
    ocsf: 'src_endpoint.name',
    ecs: 'labels.door',
  }),
  field('operation', TEXT, 'Operation of the admin API, or name of the signal.', {
    ...FEW,
    ocsf: 'api.operation',
    ecs: 'event.action',
  }),
  RESULT,
  DETAIL,
  ...IDENTITY,
];

const SYSTEM: readonly Field[] = [
  ...HEAD,
  field('what', TEXT, 'What happened to the process or one of its parts.', { ...FEW, ecs: 'event.action' }),
  DETAIL,
  ...IDENTITY,
];

export const EVENT_SCHEMA: EventSchema = {
  version: 1,
  kinds: {
    exchange: EXCHANGE,
    message: MESSAGE,
    connection: CONNECTION,
    authentication: AUTHENTICATION,
    decision: DECISION,
    administration: ADMINISTRATION,
    system: SYSTEM,
  },
};

const FIELDS: ReadonlyMap<string, Field> = new Map(
  Object.values(EVENT_SCHEMA.kinds)
    .flat()
    .map((one) => [one.name, one]),
);

/** A field of any kind by its dotted name; undefined when there is none. */
export function fieldNamed(name: string): Field | undefined {
  return FIELDS.get(name);
}

/** Every name of a field, without those of structures. */
export const FIELD_NAMES: readonly string[] = [...FIELDS.values()]
  .filter(({ type }) => type !== 'structure')
  .map(({ name }) => name);

/** True for one of the kinds of event. */
export function isKind(text: unknown): text is Kind {
  return typeof text === 'string' && Object.hasOwn(EVENT_SCHEMA.kinds, text);
}
