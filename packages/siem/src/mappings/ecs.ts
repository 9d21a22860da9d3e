import { IpAddress } from '@sallyport/kernel';
import { type EventRecord, type FieldValue, valueOf } from '../record.ts';
import type { Kind } from '../schema/field.ts';
import { isKind } from '../schema/schema.ts';
import { copier, type Draft, type MappedEvent, place, scalarOf } from './copy.ts';

/** The version of the Elastic Common Schema whose names and categories these are. */
export const ECS_VERSION = '8.17.0';

/** An event in the words of the Elastic Common Schema (https://www.elastic.co/docs/reference/ecs); {} for what is no event. */
export function toEcs(record: EventRecord): MappedEvent {
  const kind = valueOf(record, 'kind');
  if (!isKind(kind)) return {};
  const draft: Draft = { ecs: { version: ECS_VERSION } };
  copy(kind, record, draft);
  const { category, type, outcome } = categorised(kind, record);
  place(draft, ['event', 'kind'], valueOf(record, 'decidedBy') === 'waf' ? 'alert' : 'event');
  place(draft, ['event', 'module'], 'sallyport');
  place(draft, ['event', 'category'], category);
  place(draft, ['event', 'type'], type);
  place(draft, ['event', 'outcome'], outcome);
  place(draft, ['observer', 'product'], 'Sallyport');
  place(draft, ['observer', 'type'], 'proxy');
  const peer = valueOf(record, 'peer');
  if (isAddress(peer)) place(draft, ['source', 'ip'], peer);
  const addresses = new Set([valueOf(record, 'client'), peer, valueOf(record, 'scope')].filter(isAddress));
  if (addresses.size > 0) place(draft, ['related', 'ip'], [...addresses]);
  return draft;
}

const copy = copier('ecs', (value, path) => {
  switch (path) {
    case 'event.duration':
      // Nanoseconds; ours are milliseconds to the microsecond.
      return typeof value === 'number' ? Math.round(value * 1_000) * 1_000 : undefined;
    case 'event.dataset':
      return `sallyport.${String(scalarOf(value))}`;
    case 'network.direction':
      return value === 'in' ? 'inbound' : 'outbound';
    case 'client.ip':
      return isAddress(value) ? value : undefined;
    case 'rule.id':
      return typeof value === 'object' ? value.map(String) : String(value);
    // Added below, where addresses are told from networks.
    case 'related.ip':
    case 'event.outcome':
      return undefined;
    default:
      // ECS keeps labels as keywords.
      return path.startsWith('labels.') ? String(scalarOf(value)) : value;
  }
});

function isAddress(value: FieldValue | undefined): value is string {
  return typeof value === 'string' && IpAddress.parse(value) !== undefined;
}

interface Categorised {
  /** Values that ECS allows (https://www.elastic.co/docs/reference/ecs/ecs-category-field-values-reference). */
  readonly category: readonly string[];
  readonly type: readonly string[];
  readonly outcome: 'success' | 'failure' | 'unknown';
}

function categorised(kind: Kind, record: EventRecord): Categorised {
  switch (kind) {
    case 'exchange': {
      const isAllowed = isPassed(record);
      const category = valueOf(record, 'inspection.mode') === undefined ? ['web'] : ['web', 'intrusion_detection'];
      return { category, type: ['access', isAllowed ? 'allowed' : 'denied'], outcome: outcomeOf(isAllowed) };
    }
    case 'message':
      return { category: ['network'], type: ['protocol', 'denied'], outcome: 'failure' };
    case 'connection': {
      const type = CONNECTION_TYPES.get(valueOf(record, 'phase')) ?? 'info';
      return { category: ['network'], type: ['connection', type], outcome: outcomeOf(type !== 'denied') };
    }
    case 'authentication':
      return {
        category: ['authentication'],
        type: ['start'],
        outcome: outcomeOf(valueOf(record, 'result') === 'success'),
      };
    case 'decision': {
      const isBan = valueOf(record, 'decisionKind') === 'ban' && valueOf(record, 'phase') === 'taken';
      return { category: ['intrusion_detection'], type: [isBan ? 'denied' : 'info'], outcome: 'success' };
    }
    case 'administration':
      return {
        category: ['configuration'],
        type: ['change'],
        outcome: outcomeOf(valueOf(record, 'result') === 'done'),
      };
    case 'system':
      return { category: ['process'], type: [SYSTEM_TYPES.get(valueOf(record, 'what')) ?? 'info'], outcome: 'unknown' };
  }
}

/** Nothing was refused: it went through, or was sent to another place. */
export function isPassed(record: EventRecord): boolean {
  const verdict = valueOf(record, 'verdict');
  return verdict === 'pass' || verdict === 'redirect';
}

function outcomeOf(isSuccess: boolean): 'success' | 'failure' {
  return isSuccess ? 'success' : 'failure';
}

const CONNECTION_TYPES: ReadonlyMap<unknown, string> = new Map([
  ['open', 'start'],
  ['close', 'end'],
  ['refused', 'denied'],
]);

const SYSTEM_TYPES: ReadonlyMap<unknown, string> = new Map([
  ['started', 'start'],
  ['worker-started', 'start'],
  ['stopped', 'end'],
  ['worker-lost', 'end'],
]);
