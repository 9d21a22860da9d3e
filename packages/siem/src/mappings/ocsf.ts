import { IpAddress } from '@sallyport/kernel';
import { type EventRecord, valueOf } from '../record.ts';
import type { Kind } from '../schema/field.ts';
import { isKind } from '../schema/schema.ts';
import { copier, type Draft, type MappedEvent, place, scalarOf } from './copy.ts';
import { isPassed } from './ecs.ts';

/** The version of the Open Cybersecurity Schema Framework whose classes these are. */
export const OCSF_VERSION = '1.5.0';

/** An event as a class of OCSF (https://schema.ocsf.io); {} for what is no event. */
export function toOcsf(record: EventRecord): MappedEvent {
  const kind = valueOf(record, 'kind');
  if (!isKind(kind)) return {};
  const { categoryUid, classUid } = CLASSES[kind];
  const activity = activityOf(kind, record);
  const draft: Draft = {
    category_uid: categoryUid,
    class_uid: classUid,
    activity_id: activity.id,
    activity_name: activity.name,
    type_uid: classUid * 100 + activity.id,
    severity_id: severityOf(kind, record),
  };
  copy(kind, record, draft);
  if (valueOf(record, 'evidence') === 'peer') delete draft['proxy_endpoint'];
  complete(kind, record, draft);
  place(draft, ['metadata', 'version'], OCSF_VERSION);
  place(draft, ['metadata', 'product'], PRODUCT);
  place(
    draft,
    ['metadata', 'uid'],
    ['node', 'boot', 'sequence'].map((name) => String(valueOf(record, name))).join('/'),
  );
  place(draft, ['metadata', 'profiles'], profilesOf(draft));
  return draft;
}

const PRODUCT = { name: 'Sallyport', vendor_name: 'Sallyport' };

/** Network Activity 4001, HTTP Activity 4002, Authentication 3002, Detection Finding 2004, API Activity 6003, Application Lifecycle 6002. */
const CLASSES: Readonly<Record<Kind, { readonly categoryUid: number; readonly classUid: number }>> = {
  exchange: { categoryUid: 4, classUid: 4_002 },
  message: { categoryUid: 4, classUid: 4_001 },
  connection: { categoryUid: 4, classUid: 4_001 },
  authentication: { categoryUid: 3, classUid: 3_002 },
  decision: { categoryUid: 2, classUid: 2_004 },
  administration: { categoryUid: 6, classUid: 6_003 },
  system: { categoryUid: 6, classUid: 6_002 },
};

const copy = copier('ocsf', (value, path) => {
  switch (path) {
    case 'time':
    case 'finding_info.created_time':
      return typeof value === 'string' ? Date.parse(value) : undefined;
    case 'duration':
      return typeof value === 'number' ? Math.round(value) : undefined;
    case 'src_endpoint.ip':
    case 'proxy_endpoint.ip':
      return typeof value === 'string' && IpAddress.parse(value) !== undefined ? value : undefined;
    case 'status_id':
      return value === 'success' || value === 'done' ? SUCCESS : FAILURE;
    case 'firewall_rule.uid':
      return String(scalarOf(value));
    default:
      return scalarOf(value);
  }
});

const SUCCESS = 1;
const FAILURE = 2;

interface Activity {
  readonly id: number;
  readonly name: string;
}

const OTHER = 99;

function activityOf(kind: Kind, record: EventRecord): Activity {
  switch (kind) {
    case 'exchange': {
      const method = String(valueOf(record, 'method') ?? '');
      const id = HTTP_ACTIVITIES.indexOf(method) + 1;
      if (method === '') return { id: 0, name: 'Unknown' };
      return id === 0
        ? { id: OTHER, name: method }
        : { id, name: `${method.charAt(0)}${method.slice(1).toLowerCase()}` };
    }
    case 'message':
      return { id: 6, name: 'Traffic' };
    case 'connection':
      return CONNECTION_ACTIVITIES.get(valueOf(record, 'phase')) ?? { id: 6, name: 'Traffic' };
    case 'authentication':
      return { id: 1, name: 'Logon' };
    case 'decision':
      return valueOf(record, 'phase') === 'taken' ? { id: 1, name: 'Create' } : { id: 3, name: 'Close' };
    case 'administration':
      return { id: OTHER, name: String(valueOf(record, 'operation')) };
    case 'system': {
      const what = String(valueOf(record, 'what'));
      if (what === 'started') return { id: 3, name: 'Start' };
      return what === 'stopped' ? { id: 4, name: 'Stop' } : { id: OTHER, name: what };
    }
  }
}

/** In the order of HTTP Activity's ids, from 1. */
const HTTP_ACTIVITIES = ['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'TRACE', 'PATCH'];

const CONNECTION_ACTIVITIES: ReadonlyMap<unknown, Activity> = new Map([
  ['open', { id: 1, name: 'Open' }],
  ['close', { id: 2, name: 'Close' }],
  ['refused', { id: 5, name: 'Refuse' }],
]);

/** 1 informational, 2 low, 3 medium, 4 high. */
function severityOf(kind: Kind, record: EventRecord): number {
  if (valueOf(record, 'level') === 'error') return 4;
  if (valueOf(record, 'decidedBy') === 'waf') return 3;
  if (kind === 'decision')
    return valueOf(record, 'decisionKind') === 'ban' && valueOf(record, 'phase') === 'taken' ? 3 : 1;
  return valueOf(record, 'level') === 'warn' ? 2 : 1;
}

/** What a class requires and the record says in another way. */
function complete(kind: Kind, record: EventRecord, draft: Draft): void {
  switch (kind) {
    case 'exchange':
    case 'message':
      Object.assign(draft, dispositionOf(record), { status_id: isPassed(record) ? SUCCESS : FAILURE });
      return;
    case 'connection': {
      const isRefused = valueOf(record, 'phase') === 'refused';
      if (isRefused) Object.assign(draft, BLOCKED);
      draft['status_id'] = isRefused ? FAILURE : SUCCESS;
      return;
    }
    case 'authentication':
      // The class requires a user, and 0 is its word for one that nobody knows.
      draft['user'] ??= { type_id: 0 };
      return;
    case 'decision':
      place(
        draft,
        ['finding_info', 'title'],
        `${String(valueOf(record, 'decisionKind'))} of ${String(valueOf(record, 'scope'))}`,
      );
      draft['resources'] = [{ name: String(valueOf(record, 'scope')), type: String(valueOf(record, 'scopeKind')) }];
      return;
    case 'administration':
      draft['actor'] ??= { user: { type_id: 0 } };
      return;
    case 'system':
      draft['app'] = PRODUCT;
  }
}

const BLOCKED = { action_id: 2, disposition_id: 2 };

/** The profile Security Control: action 1 allowed, 2 denied; disposition 1 allowed, 2 blocked, 6 dropped. */
function dispositionOf(record: EventRecord): Readonly<Record<string, unknown>> {
  switch (valueOf(record, 'verdict')) {
    case 'deny':
      return BLOCKED;
    case 'drop':
      return { action_id: 2, disposition_id: 6 };
    case 'redirect':
      return { action_id: 1, disposition_id: OTHER, disposition: 'Redirected' };
    default:
      return { action_id: 1, disposition_id: 1 };
  }
}

/** Attributes that belong to a profile and not to a class. */
const PROFILES: readonly (readonly [attribute: string, profile: string])[] = [
  ['action_id', 'security_control'],
  ['device', 'host'],
  ['proxy_endpoint', 'network_proxy'],
  ['trace', 'trace'],
];

function profilesOf(draft: Draft): readonly string[] {
  return PROFILES.filter(([attribute]) => draft[attribute] !== undefined).map(([, profile]) => profile);
}
