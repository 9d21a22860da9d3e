import { z } from 'zod';
import type { ParseContext } from '../context.ts';
import { integerLeaf } from '../leaf.ts';
import { admin } from './admin.ts';
import { errorReports } from './error-reports.ts';
import { events } from './events.ts';
import { listener } from './listener.ts';
import { notifications } from './notifications.ts';
import { route } from './route.ts';
import { connections, drain, lists, log, mode, observe, operations, reload, workers } from './sections.ts';
import { SERVICES_MAX, service } from './services.ts';
import { state } from './state.ts';
import { upstream } from './upstream.ts';
import { waf } from './waf.ts';

/** The schemas of the parts of a configuration file. Parts are parsed apart, so that every problem is found at once. */
export interface FileSchemas {
  readonly version: ReturnType<typeof version>;
  readonly mode: ReturnType<typeof mode>;
  readonly observe: ReturnType<typeof observe>;
  readonly listener: ReturnType<typeof listener>;
  readonly upstream: ReturnType<typeof upstream>;
  readonly route: ReturnType<typeof route>;
  readonly lists: ReturnType<typeof lists>;
  readonly connections: ReturnType<typeof connections>;
  readonly drain: ReturnType<typeof drain>;
  readonly waf: ReturnType<typeof waf>;
  readonly operations: ReturnType<typeof operations>;
  readonly admin: ReturnType<typeof admin>;
  readonly state: ReturnType<typeof state>;
  readonly events: ReturnType<typeof events>;
  readonly notifications: ReturnType<typeof notifications>;
  readonly errorReports: ReturnType<typeof errorReports>;
  readonly service: ReturnType<typeof service>;
  readonly log: ReturnType<typeof log>;
  readonly workers: ReturnType<typeof workers>;
  readonly reload: ReturnType<typeof reload>;
}

export function fileSchemas(context: ParseContext): FileSchemas {
  return {
    version: version(),
    mode: mode(),
    observe: observe(),
    listener: listener(context),
    upstream: upstream(context),
    route: route(context),
    lists: lists(context),
    connections: connections(),
    drain: drain(),
    waf: waf(context),
    operations: operations(context),
    admin: admin(context),
    state: state(context),
    events: events(context),
    notifications: notifications(context),
    errorReports: errorReports(context),
    service: service(context),
    log: log(context),
    workers: workers(context),
    reload: reload(context),
  };
}

/** The whole file as one schema: for the JSON Schema and the reference. */
export function wholeFile(schemas: FileSchemas): z.ZodType {
  return z.strictObject({
    version: schemas.version,
    mode: schemas.mode,
    observe: schemas.observe,
    listeners: z.array(schemas.listener).min(1).max(LISTENERS_MAX).meta({ description: 'The doors.' }),
    upstreams: z.record(z.string(), schemas.upstream).meta({ description: 'The servers behind the gateway, by name.' }),
    routes: z.array(schemas.route).max(ROUTES_MAX).meta({
      description:
        'Which requests go where. The most specific route wins, whatever its place: exact host, wildcard, any; then exact path, longer prefix; then methods; then headers.',
    }),
    lists: schemas.lists,
    connections: schemas.connections,
    waf: schemas.waf,
    drain: schemas.drain,
    operations: schemas.operations,
    admin: schemas.admin,
    state: schemas.state,
    events: schemas.events,
    notifications: schemas.notifications,
    errorReports: schemas.errorReports,
    services: z
      .record(z.string(), schemas.service)
      .meta({
        description: `What \`sallyport services\` tells about: servers and names that are checked regularly, by name. At most ${SERVICES_MAX}.`,
      })
      .optional(),
    log: schemas.log,
    workers: schemas.workers,
    reload: schemas.reload,
  });
}

/** The keys of the file, in the order of the reference. */
export const FILE_KEYS: readonly string[] = [
  'version',
  'mode',
  'observe',
  'listeners',
  'upstreams',
  'routes',
  'lists',
  'connections',
  'waf',
  'drain',
  'operations',
  'admin',
  'state',
  'events',
  'notifications',
  'errorReports',
  'services',
  'log',
  'workers',
  'reload',
];

/** Most listeners: each holds sockets and timers of its own. */
export const LISTENERS_MAX = 64;

/** Most upstreams: each holds pools and health checks. */
export const UPSTREAMS_MAX = 1_000;

/** Most routes: a request is compared with those of its host. */
export const ROUTES_MAX = 5_000;

function version(): z.ZodType<number> {
  return integerLeaf('Version of the format of this file.', { min: 1, max: 1 });
}
