import { ATTACK_LEVEL_MAX, COMMAND_ID_LENGTH_MAX, type CommandAck, type CommandAction } from '@sallyport/kernel';
import { z } from 'zod';
import type * as contract from './contract.ts';

/**
 * The schemas of the contract. Bodies are checked against theirs when they come; the schemas of answers make the API's
 * document, and tests hold every answer to them. Names are those of the document.
 */
export const SCHEMAS: z.core.$ZodRegistry<{ readonly id: string }> = z.registry<{ readonly id: string }>();

/** Longest reason of a decision or command, in UTF-16 units: it stands in events and lists. */
const REASON_TEXT_MAX = 200;

/** Longest key that a caller may choose for an order. */
const ORDER_KEY_MAX = 64;

/** A decision that ends does so within ten years; beyond, it was meant not to end. */
const DECISION_SECONDS_MAX = 315_360_000;

/** Names of people and sessions: what may stand in a line of a log without thinking. */
export const PERSON_NAME: RegExp = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,31}$/;

const count = z.int().min(0);
const timeMs = z.int().min(0).meta({ description: 'Milliseconds since 1970.' });
const text = z.string();

/** What people write: one line without control characters, and without those that turn the direction of text. */
const reasonText = z
  .string()
  .trim()
  .min(1)
  .max(REASON_TEXT_MAX)
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u, 'has control characters');

const orderKey = z
  .string()
  .max(ORDER_KEY_MAX)
  .regex(/^[A-Za-z0-9._:-]+$/, 'takes letters, digits and . _ : -');

const configProblem: z.ZodType<contract.ConfigProblem> = named(
  'ConfigProblem',
  z.strictObject({
    severity: z.enum(['error', 'warning']),
    file: text,
    line: count,
    column: count,
    key: text,
    text,
  }),
);

const problemCode = z.enum([
  'BAD_REQUEST',
  'BODY_INVALID',
  'BODY_TOO_LARGE',
  'BODY_TYPE',
  'CONFIG_REFUSED',
  'CONFLICT',
  'FOREIGN_ORIGIN',
  'INTERNAL',
  'LINK_REFUSED',
  'METHOD_NOT_ALLOWED',
  'NOT_FOUND',
  'NOT_PUBLISHED',
  'QUERY_INVALID',
  'SOCKET_ONLY',
  'STATE_UNAVAILABLE',
  'TIMEOUT',
  'TOO_MANY_FAILURES',
  'UNAUTHENTICATED',
  'WRONG_HOST',
]);

/** Optional keys are written apart: `undefined` has no place in JSON. */
export const problemAnswer: z.ZodType<Omit<contract.ProblemAnswer, 'problems'>> = named(
  'Problem',
  z.strictObject({
    type: z.literal('about:blank'),
    title: text,
    status: z.int().min(400).max(599),
    code: problemCode,
    detail: text,
    problems: z.array(configProblem).optional(),
  }),
);

export const statusAnswer: z.ZodType<contract.StatusAnswer> = named(
  'Status',
  z.strictObject({
    node: text,
    version: text,
    boot: text,
    startedMs: timeMs,
    uptimeMs: count,
    mode: z.enum(['development', 'staging', 'production']),
    isReady: z.boolean(),
    notReadyReasons: z.array(text),
    isDraining: z.boolean(),
    attackLevel: z.int().min(0).max(ATTACK_LEVEL_MAX),
    listeners: z.array(z.strictObject({ name: text, address: text, isTls: z.boolean() })),
    upstreams: z.array(z.strictObject({ name: text, serversUp: count, serversAll: count, isBreakerOpen: z.boolean() })),
    workers: z.strictObject({ running: count, all: count }),
    policy: z.strictObject({ version: count, hash: text, publishedMs: timeMs }),
  }),
);

const workerStatus: z.ZodType<contract.WorkerStatus> = named(
  'Worker',
  z.strictObject({
    id: count,
    state: z.enum(['starting', 'running', 'draining', 'stopped', 'failed']),
    startedMs: timeMs,
    restarts: count,
    lastFailure: z.strictObject({ timeMs, reason: text }).nullable(),
    connections: count,
    eventLoopDelayMs: z.number().min(0).nullable(),
    heapUsedBytes: count.nullable(),
  }),
);

export const workersAnswer: z.ZodType<contract.WorkersAnswer> = named(
  'Workers',
  z.strictObject({ workers: z.array(workerStatus) }),
);

const policyRecord: z.ZodType<contract.PolicyRecord> = named(
  'Policy',
  z.strictObject({
    version: count.nullable(),
    hash: text,
    timeMs,
    source: z.enum(['start', 'signal', 'file', 'api', 'rollback']),
    author: text,
    result: z.enum(['published', 'unchanged', 'refused', 'failed']),
    problems: z.array(text),
  }),
);

export const policiesAnswer: z.ZodType<contract.PoliciesAnswer> = named(
  'Policies',
  z.strictObject({ current: count, policies: z.array(policyRecord) }),
);

const configChange: z.ZodType<contract.ConfigChange> = named(
  'ConfigChange',
  z.strictObject({ key: text, from: text.nullable(), to: text.nullable() }),
);

export const policyDifferenceAnswer: z.ZodType<contract.PolicyDifferenceAnswer> = named(
  'PolicyDifference',
  z.strictObject({ from: count, to: count, changes: z.array(configChange), isCut: z.boolean() }),
);

export const publishAnswer: z.ZodType<contract.PublishAnswer> = named(
  'Publication',
  z.strictObject({
    result: z.enum(['published', 'unchanged']),
    version: count,
    hash: text,
    warnings: z.array(configProblem),
  }),
);

export const rollbackOrder: z.ZodType<contract.RollbackOrder> = named(
  'RollbackOrder',
  z.strictObject({ version: z.int().min(1) }),
);

export const differenceQuery: z.ZodType<{ from: string; to: string }> = z.strictObject({
  from: z.string().regex(/^[1-9][0-9]{0,8}$/, 'is not a version'),
  to: z.string().regex(/^[1-9][0-9]{0,8}$/, 'is not a version'),
});

const decisionKind = z.enum(['ban', 'allowance']);
const decisionScope = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('address'), value: z.string().max(64) }),
  z.strictObject({ kind: z.literal('network'), value: z.string().max(64) }),
]);

const decisionRecord: z.ZodType<contract.DecisionRecord> = named(
  'Decision',
  z.strictObject({
    id: text,
    kind: decisionKind,
    scope: decisionScope,
    reason: text,
    author: text,
    createdMs: timeMs,
    endsMs: timeMs.nullable(),
  }),
);

export const decisionsAnswer: z.ZodType<contract.DecisionsAnswer> = named(
  'Decisions',
  z.strictObject({ total: count, decisions: z.array(decisionRecord), next: text.nullable() }),
);

const auditHead = named('AuditHead', z.strictObject({ sequence: count, hash: text }));

export const auditAnswer: z.ZodType<contract.AuditAnswer> = named(
  'Audit',
  z.strictObject({
    entries: z.array(
      named(
        'AuditEntry',
        z.strictObject({
          sequence: count,
          timeMs: count,
          author: text,
          session: text,
          operation: text,
          result: text,
          detail: text,
          hash: text,
        }),
      ),
    ),
    next: count.nullable(),
  }),
);

export const auditVerificationAnswer: z.ZodType<contract.AuditVerificationAnswer> = named(
  'AuditVerification',
  z.strictObject({ checked: count, next: count.nullable(), problem: text.nullable(), head: auditHead }),
);

export const decisionOrder: z.ZodType<contract.DecisionOrder> = named(
  'DecisionOrder',
  z.strictObject({
    key: orderKey.optional(),
    kind: decisionKind,
    scope: decisionScope,
    reason: reasonText,
    seconds: z.int().min(1).max(DECISION_SECONDS_MAX).optional(),
  }),
);

const confirmation: z.ZodType<contract.Confirmation> = named(
  'Confirmation',
  z.strictObject({ workers: count, of: count }),
);

export const decisionAnswer: z.ZodType<contract.DecisionAnswer> = named(
  'DecisionTaken',
  z.strictObject({ decision: decisionRecord, isRepeat: z.boolean(), confirmed: confirmation }),
);

export const revocationAnswer: z.ZodType<contract.RevocationAnswer> = named(
  'Revocation',
  z.strictObject({ id: text, confirmed: confirmation }),
);

const commandAction: z.ZodType<CommandAction> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('close-connection'), connection: orderKey, reason: reasonText }),
  z.strictObject({ kind: z.literal('close-client'), client: z.string().max(64), reason: reasonText }),
  z.strictObject({ kind: z.literal('set-attack-level'), level: z.int().min(0).max(ATTACK_LEVEL_MAX) }),
  z.strictObject({ kind: z.literal('drain') }),
]);

export const commandOrder: z.ZodType<contract.CommandOrder> = named(
  'CommandOrder',
  z.strictObject({ id: orderKey.max(COMMAND_ID_LENGTH_MAX), action: commandAction }),
);

const commandAck: z.ZodType<CommandAck> = z.strictObject({
  id: text,
  worker: count,
  closed: count,
  isRepeat: z.boolean(),
});

export const commandAnswer: z.ZodType<contract.CommandAnswer> = named(
  'CommandDone',
  z.strictObject({ id: text, confirmed: confirmation, acks: z.array(commandAck) }),
);

const connectionRecord: z.ZodType<contract.ConnectionRecord> = named(
  'Connection',
  z.strictObject({
    id: text,
    worker: count,
    kind: z.enum(['http', 'websocket']),
    listener: text,
    route: text,
    client: text,
    openedMs: timeMs,
    bytesIn: count,
    bytesOut: count,
  }),
);

export const connectionsAnswer: z.ZodType<contract.ConnectionsAnswer> = named(
  'Connections',
  z.strictObject({ total: count, connections: z.array(connectionRecord) }),
);

const personName = z.string().regex(PERSON_NAME, 'takes 1 to 32 letters, digits and . _ @ -');

export const linkOrder: z.ZodType<contract.LinkOrder> = named(
  'LinkOrder',
  z.strictObject({ name: personName.optional() }),
);

export const linkAnswer: z.ZodType<contract.LinkAnswer> = named(
  'Link',
  z.strictObject({ url: text, expiresMs: timeMs }),
);

export const sessionOrder: z.ZodType<contract.SessionOrder> = named(
  'SessionOrder',
  z.strictObject({ token: z.string().max(128), as: z.enum(['bearer', 'cookie']) }),
);

const sessionRecord: z.ZodType<contract.SessionRecord> = named(
  'Session',
  z.strictObject({
    id: text,
    name: text,
    as: z.enum(['bearer', 'cookie']),
    createdMs: timeMs,
    lastUsedMs: timeMs,
    expiresMs: timeMs,
    isOwn: z.boolean(),
  }),
);

export const sessionAnswer: z.ZodType<contract.SessionAnswer> = named(
  'SessionOpened',
  z.strictObject({ session: sessionRecord, bearer: text.nullable(), csrf: text.nullable() }),
);

export const sessionsAnswer: z.ZodType<contract.SessionsAnswer> = named(
  'Sessions',
  z.strictObject({ sessions: z.array(sessionRecord) }),
);

export const revokedAnswer: z.ZodType<contract.RevokedAnswer> = named('Revoked', z.strictObject({ id: text }));

/** Gives a schema its name in the API's document. */
function named<T extends z.ZodType>(id: string, schema: T): T {
  SCHEMAS.add(schema, { id });
  return schema;
}
