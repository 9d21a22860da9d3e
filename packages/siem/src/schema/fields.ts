import { type Field, type FieldExtras, field } from './field.ts';

// Fields that several kinds of event have: a name has one type and one meaning wherever it stands.

const TEXT = ['text', 'operational'] as const;
const PERSONAL_TEXT = ['text', 'personal'] as const;
const COUNT = ['integer', 'operational'] as const;
const FEW: FieldExtras = { isLowCardinality: true };

export const HEAD: readonly Field[] = [
  field('level', TEXT, 'Importance: `info`, `warn` or `error`.', { ...FEW, ecs: 'log.level' }),
  field('time', ['time', 'operational'], 'When it happened; for an exchange, when its first byte was judged.', {
    ocsf: 'time',
    ecs: '@timestamp',
  }),
  field('kind', ['text', 'public'], 'Which kind of event: one of the headings of this page.', {
    ...FEW,
    ecs: 'event.dataset',
  }),
];

/** Together unique over a fleet. */
export const IDENTITY: readonly Field[] = [
  field('node', TEXT, 'Which machine.', { ...FEW, ocsf: 'device.name', ecs: 'observer.name' }),
  field('boot', TEXT, 'Which start of the process, or of a worker in it.', FEW),
  field('sequence', COUNT, 'Which event of that start. A gap is a dropped line.', {
    ocsf: 'metadata.sequence',
    ecs: 'event.sequence',
  }),
];

export const CLIENT: readonly Field[] = [
  field('client', ['address', 'personal'], 'Address of the client, as the gateway decided it is.', {
    ocsf: 'src_endpoint.ip',
    ecs: 'client.ip',
    sigma: ['c-ip', 'src_ip'],
  }),
  field(
    'network',
    ['address', 'personal'],
    'What the client is counted by: its address, or the /64 of an IPv6 address.',
    { whenAbsent: { sameAs: 'client' } },
  ),
  field('peer', ['address', 'personal'], 'Who really connected: an address, or `unix` for a socket file.', {
    whenAbsent: { sameAs: 'client' },
    ocsf: 'proxy_endpoint.ip',
    ecs: 'source.address',
  }),
  field('evidence', TEXT, 'Why the client was believed to be who it is.', {
    ...FEW,
    whenAbsent: { is: 'peer' },
    ecs: 'labels.evidence',
  }),
];

export const REQUEST_ID: Field = field(
  'requestId',
  TEXT,
  'Id of the request, or of the handshake a WebSocket began with. A client may bring its own: it proves nothing.',
  { ocsf: 'metadata.correlation_uid', ecs: 'http.request.id' },
);

export const PLACE: readonly Field[] = [
  field('listener', TEXT, 'The listener it came by.', { ...FEW, ecs: 'observer.ingress.interface.name' }),
  field('route', TEXT, 'The route that matched.', { ...FEW, ecs: 'labels.route' }),
];

/** It may quote what a client sent. */
export const REASON_DETAIL: Field = field('reasonDetail', PERSONAL_TEXT, 'What exactly. Never sent to a client.', {
  ocsf: 'status_detail',
  ecs: 'event.reason',
});

export const REASON: readonly Field[] = [
  field('reason', ['text', 'public'], 'Why: a code of [the list of reasons](reference/reasons.md).', {
    ...FEW,
    ocsf: 'status_code',
    ecs: 'event.code',
  }),
  REASON_DETAIL,
];

export const DECIDED: readonly Field[] = [
  field('verdict', TEXT, '`pass`, `deny`, `redirect`, or `drop` (no answer).', { ...FEW, ecs: 'event.action' }),
  field('decidedBy', TEXT, 'Who decided: a stage, or `strictness`, `client`, `connection`, `upstream`, `internal`.', {
    ...FEW,
    ecs: 'labels.decided_by',
  }),
  ...REASON,
];

export const PHASE: Field = field('phase', TEXT, 'Which step in its life.', { ...FEW, ecs: 'event.action' });

export const RESULT: Field = field('result', TEXT, 'How it ended.', {
  ...FEW,
  ocsf: 'status_id',
  ecs: 'event.outcome',
});

export const DETAIL: Field = field('detail', PERSONAL_TEXT, 'What exactly, in words.', {
  ocsf: 'message',
  ecs: 'message',
});

export const AUTHOR: Field = field('author', PERSONAL_TEXT, 'Who did it: `socket:alice`, `session:alice`, a rule.', {
  ...FEW,
  ocsf: 'actor.user.name',
  ecs: 'user.name',
});

export const BYTES_IN: Field = field('bytesIn', COUNT, 'Bytes of the body or of messages that the client sent.', {
  unit: 'bytes',
  ocsf: 'traffic.bytes_out',
  ecs: 'client.bytes',
  sigma: ['cs-bytes'],
});

export const BYTES_OUT: Field = field('bytesOut', COUNT, 'Bytes of the body or of messages sent to the client.', {
  unit: 'bytes',
  ocsf: 'traffic.bytes_in',
  ecs: 'server.bytes',
  sigma: ['sc-bytes'],
});

export const DURATION: Field = field('durationMs', ['real', 'operational'], 'How long it took or lasted.', {
  unit: 'milliseconds',
  ocsf: 'duration',
  ecs: 'event.duration',
  sigma: ['time-taken'],
});
