import type { GatewayConfig, NotificationsConfig } from '@sallyport/kernel';
import type { z } from 'zod';
import type { ServiceConfig } from '../health/service.ts';
import { checkWhole } from './checks.ts';
import type { ParseContext } from './context.ts';
import { type Finding, finding, findingsOf, unknownKey } from './issues.ts';
import { describeKind } from './leaf.ts';
import { NAME, NAME_ALLOWED } from './leaves.ts';
import type { KeyPath, Problem } from './problem.ts';
import { Interpolated, isSection } from './references.ts';
import { resolveWaf } from './rules/resolve.ts';
import type { RuleImages, RuleSets } from './rules/rule-images.ts';
import type { AdminConfig } from './schema/admin.ts';
import type { ErrorReportsConfig } from './schema/error-reports.ts';
import type { EventsConfig } from './schema/events.ts';
import { FILE_KEYS, type FileSchemas, fileSchemas, LISTENERS_MAX, ROUTES_MAX, UPSTREAMS_MAX } from './schema/file.ts';
import type { LogConfig, OperationsConfig, ReloadConfig, WorkersConfig } from './schema/sections.ts';
import { SERVICES_MAX } from './schema/services.ts';
import type { StateConfig } from './schema/state.ts';

/** A whole configuration as plain data: every default filled in, every secret resolved. */
export interface SallyportConfig {
  readonly gateway: GatewayConfig;
  /** Undefined: no such listener. */
  readonly operations: OperationsConfig | undefined;
  /** Undefined: no admin API. */
  readonly admin: AdminConfig | undefined;
  /** Undefined: nothing outlives the process. */
  readonly state: StateConfig | undefined;
  /** Where events go beside the log and the store. */
  readonly events: EventsConfig;
  readonly notifications: NotificationsConfig;
  /** Undefined: errors are only logged. */
  readonly errorReports: ErrorReportsConfig | undefined;
  /** What is checked regularly. */
  readonly services: readonly ServiceConfig[];
  readonly log: LogConfig;
  readonly workers: WorkersConfig;
  readonly reload: ReloadConfig;
  /** The compiled rules that the routes name. */
  readonly ruleSets: RuleSets;
}

/** A document as far as it could be understood. */
export interface ParsedParts {
  /** Undefined when a part is missing. */
  readonly config: SallyportConfig | undefined;
  readonly findings: readonly Finding[];
  /** About other files than the document. */
  readonly problems: readonly Problem[];
}

/** A value that parsed, and where it stands. */
export interface Part<T> {
  readonly path: KeyPath;
  readonly value: T;
}

/**
 * Parses the parts of a document each by itself and checks what parsed as a whole, so that a mistake in one route does
 * not hide those of another. There may be findings in either case.
 */
export function parseParts(root: unknown, context: ParseContext, images: RuleImages): ParsedParts {
  if (!isSection(root)) return { config: undefined, findings: notASection(root, [], ROOT_ALLOWED), problems: [] };
  const parser = new PartParser(context);
  for (const key of Object.keys(root)) if (!FILE_KEYS.includes(key)) parser.findings.push(unknownKey([key], FILE_KEYS));
  const version = parser.parse((schemas) => schemas.version, root['version'], ['version']);
  const mode = parser.parse((schemas) => schemas.mode, root['mode'], ['mode']);
  const observe = parser.parse((schemas) => schemas.observe, root['observe'], ['observe']);
  const lists = parser.parse((schemas) => schemas.lists, root['lists'], ['lists']);
  const connections = parser.parse((schemas) => schemas.connections, root['connections'], ['connections']);
  const drain = parser.parse((schemas) => schemas.drain, root['drain'], ['drain']);
  const operations = parser.parse((schemas) => schemas.operations, root['operations'], ['operations']);
  const admin = parser.parse((schemas) => schemas.admin, root['admin'], ['admin']);
  const state = parser.parse((schemas) => schemas.state, root['state'], ['state']);
  const told = parseTold(parser, root);
  const workers = parser.parse((schemas) => schemas.workers, root['workers'], ['workers']);
  const reload = parser.parse((schemas) => schemas.reload, root['reload'], ['reload']);
  const waf = parser.parse((schemas) => schemas.waf, root['waf'], ['waf']);
  const listeners = parser.parseList((schemas) => schemas.listener, root['listeners'], {
    key: 'listeners',
    max: LISTENERS_MAX,
  });
  const routes = parser.parseList((schemas) => schemas.route, root['routes'], { key: 'routes', max: ROUTES_MAX });
  const upstreams = parser.parseMap((schemas) => schemas.upstream, root['upstreams'], UPSTREAMS);
  const services = parser.parseMap((schemas) => schemas.service, 'services' in root ? root['services'] : {}, SERVICES);
  parser.findings.push(
    ...checkWhole({
      mode: context.mode,
      listeners,
      routes,
      upstreams,
      operations: operations?.value,
      admin: admin?.value,
      connections: connections?.value,
      root,
    }),
  );
  if (mode !== undefined && mode.value !== context.mode) {
    const problem =
      'comes from a .env file, which is chosen by the mode; set it in the file or in the process environment';
    parser.findings.push(finding(['mode'], problem));
  }
  if (state?.value !== undefined) images.useStateFolder(state.value.folder);
  const resolved = waf && resolveWaf(waf, routes, { files: context.files, images, nowMs: context.nowMs });
  parser.findings.push(...(resolved?.findings ?? []));
  const { findings } = parser;
  const problems = resolved?.problems ?? [];
  const nothing = { config: undefined, findings, problems };
  if (!version || !mode || !observe || !lists || !connections || !drain || !resolved) return nothing;
  if (!operations || !admin || !state || !told || !workers || !reload) return nothing;
  const gateway: GatewayConfig = {
    mode: mode.value,
    observe: observe.value.all,
    observeStages: observe.value.stages,
    listeners: listeners.map(({ value }) => value),
    routes: resolved.routes,
    upstreams: upstreams.map(({ name, value }) => ({ name, ...value })),
    lists: lists.value,
    connections: connections.value,
    drain: drain.value,
    waf: resolved.waf,
  };
  const service = { operations: operations.value, admin: admin.value, state: state.value };
  const named = services.map(({ name, value }) => ({ name, ...value }));
  const process = { services: named, workers: workers.value, reload: reload.value, ruleSets: resolved.ruleSets };
  return { config: { gateway, ...service, ...told, ...process }, findings, problems };
}

/** Where what happens is told; undefined when a part of that has an error. */
function parseTold(
  parser: PartParser,
  root: Readonly<Record<string, unknown>>,
): Pick<SallyportConfig, 'events' | 'notifications' | 'errorReports' | 'log'> | undefined {
  const events = parser.parse((schemas) => schemas.events, root['events'], ['events']);
  const notifications = parser.parse((schemas) => schemas.notifications, root['notifications'], ['notifications']);
  const errorReports = parser.parse((schemas) => schemas.errorReports, root['errorReports'], ['errorReports']);
  const log = parser.parse((schemas) => schemas.log, root['log'], ['log']);
  if (!events || !notifications || !errorReports || !log) return undefined;
  return {
    events: events.value,
    notifications: notifications.value,
    errorReports: errorReports.value,
    log: log.value,
  };
}

const ROOT_ALLOWED = 'a section with version, listeners, upstreams and routes';

/** Parses parts and gathers what is wrong with them. */
class PartParser {
  readonly findings: Finding[] = [];
  readonly #schemas: FileSchemas;
  readonly #context: ParseContext;
  /** Made when the first warning comes, which is seldom. */
  #silent: FileSchemas | undefined;

  constructor(context: ParseContext) {
    this.#context = context;
    this.#schemas = fileSchemas(context);
  }

  /** Undefined: it has an error. A warning is an issue as well, so what has one is parsed again without it. */
  parse<T>(choose: (schemas: FileSchemas) => z.ZodType<T>, raw: unknown, path: KeyPath): Part<T> | undefined {
    const first = choose(this.#schemas).safeParse(raw);
    if (first.success) return { path, value: first.data };
    const found = findingsOf(first.error.issues, raw, path);
    const warnings = found.filter(({ severity }) => severity === 'warning');
    if (warnings.length === 0) {
      this.findings.push(...found);
      return undefined;
    }
    this.findings.push(...warnings);
    this.#silent ??= fileSchemas({ ...this.#context, isWarning: false });
    const second = choose(this.#silent).safeParse(raw);
    if (second.success) return { path, value: second.data };
    this.findings.push(...findingsOf(second.error.issues, raw, path));
    return undefined;
  }

  /** Parses each entry of a list that must not be empty. */
  parseList<T>(
    choose: (schemas: FileSchemas) => z.ZodType<T>,
    raw: unknown,
    list: { readonly key: string; readonly max: number },
  ): readonly Part<T>[] {
    const path = [list.key];
    if (!Array.isArray(raw)) {
      this.findings.push(...notASection(raw, path, 'a list'));
      return [];
    }
    if (raw.length === 0) this.findings.push(finding(path, 'is empty', { allowed: 'at least one entry' }));
    if (raw.length > list.max) this.findings.push(finding(path, `has more than ${list.max} entries`));
    const parts: Part<T>[] = [];
    for (const [index, item] of raw.slice(0, list.max).entries()) {
      const part = this.parse(choose, item, [list.key, index]);
      if (part !== undefined) parts.push(part);
    }
    return parts;
  }

  /** Parses each entry of a section whose keys are names. */
  parseMap<T>(
    choose: (schemas: FileSchemas) => z.ZodType<T>,
    raw: unknown,
    { key, max, noun, isEmptyAllowed }: MapFacts,
  ): readonly (Part<T> & { readonly name: string })[] {
    if (!isSection(raw)) {
      this.findings.push(...notASection(raw, [key], `a section with an entry for each ${noun}`));
      return [];
    }
    const parts: (Part<T> & { readonly name: string })[] = [];
    const entries = Object.entries(raw);
    if (entries.length === 0 && !isEmptyAllowed) {
      this.findings.push(finding([key], 'is empty', { allowed: 'at least one entry' }));
    }
    if (entries.length > max) this.findings.push(finding([key], `has more than ${max} entries`));
    for (const [name, item] of entries.slice(0, max)) {
      const path = [key, name];
      if (!NAME.test(name)) {
        this.findings.push(finding(path, 'is not a name', { isAboutKey: true, allowed: NAME_ALLOWED }));
      }
      const part = this.parse(choose, item, path);
      if (part !== undefined) parts.push({ ...part, name });
    }
    return parts;
  }
}

const SERVICES: MapFacts = { key: 'services', max: SERVICES_MAX, noun: 'service', isEmptyAllowed: true };

const UPSTREAMS: MapFacts = { key: 'upstreams', max: UPSTREAMS_MAX, noun: 'upstream', isEmptyAllowed: false };

interface MapFacts {
  readonly key: string;
  readonly max: number;
  readonly noun: string;
  readonly isEmptyAllowed: boolean;
}

function notASection(raw: unknown, path: KeyPath, allowed: string): readonly Finding[] {
  if (raw === undefined) return [finding(path, path.length === 0 ? 'is empty' : 'is missing', { allowed })];
  if (raw instanceof Interpolated && raw.text === undefined) return [];
  return [finding(path, `is ${describeKind(raw)}`, { allowed })];
}
