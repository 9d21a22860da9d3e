import {
  PROFILES,
  type ProfileName,
  type RequestLimits,
  type RouteConfig,
  type RouteMatch,
  type WebSocketLimits,
} from '@sallyport/kernel';
import { z } from 'zod';
import { hostPattern } from '../addresses.ts';
import type { ParseContext } from '../context.ts';
import { addIssue, booleanLeaf, choiceLeaf, integerLeaf, section } from '../leaf.ts';
import { duration, list, method, name, oneOrMore, pairs, size, text } from '../leaves.ts';
import { routeWaf, SILENT, type WafDraft } from './waf.ts';

/** A route before it has inherited what the section `waf` says. */
export type RouteDraft = Omit<RouteConfig, 'waf'> & { readonly waf: WafDraft };

/** One entry of `routes`. */
export function route(context: ParseContext): z.ZodType<RouteDraft> {
  return section('Which requests go where, and what they may be. A request that no route matches is refused.', {
    name: name('Name of the route, in events and metrics.'),
    match: match().prefault({}),
    upstream: name('Name of an entry of `upstreams`.'),
    profile: choiceLeaf('Whose defaults the limits below have.', PROFILE_NAMES),
    hostHeader: choiceLeaf('What the upstream sees as Host: what the client sent, or its own name.', [
      'preserve',
      'upstream',
    ]).prefault('preserve'),
    request: request().prefault({}),
    webSocket: webSocket().prefault({}),
    waf: routeWaf(context).optional(),
  }).transform((raw, issues): RouteDraft => {
    const profile = PROFILES[raw.profile];
    const webSocketLimits = raw.webSocket.fill(profile.webSocket);
    if (!webSocketLimits.isAllowed && raw.webSocket.isSilent) {
      const problem = `sets limits, but the profile ${raw.profile} lets no WebSockets pass: add allowed: true`;
      addIssue(issues, problem, { path: ['webSocket'] });
    }
    return {
      name: raw.name,
      match: raw.match,
      upstream: raw.upstream,
      profile: raw.profile,
      request: raw.request(profile.request),
      webSocket: webSocketLimits,
      hostHeader: raw.hostHeader,
      waf: raw.waf ?? SILENT,
    };
  });
}

/** The profiles of the kernel, in the order of the reference. */
export const PROFILE_NAMES: readonly ProfileName[] = ['game', 'alerts', 'api', 'webapp'];

function match(): z.ZodType<RouteMatch> {
  const path = {
    pattern: PATH,
    allowed: 'a path that begins with /, in normal form: no query, no fragment, no empty or dot segments',
    problem: 'is not a path in normal form',
  };
  return section('What a request must be like; all parts have to match. Default: every request.', {
    host: oneOrMore(hostPattern('A host name, or `*.example.com` for all names below one.')).prefault([]),
    path: text(
      'A prefix of whole segments: `/api` matches `/api` and `/api/x`, not `/apix`. Default: `/`.',
      path,
    ).optional(),
    exactPath: text('The whole path, in place of `path`.', path).optional(),
    methods: list(method('A method.'), 'Methods. Default: all.').prefault([]),
    headers: headers().prefault({}),
  }).transform((raw, issues): RouteMatch => {
    if (raw.path !== undefined && raw.exactPath !== undefined) {
      addIssue(issues, 'cannot stand beside path', { path: ['exactPath'] });
    }
    return {
      hosts: raw.host,
      path:
        raw.exactPath === undefined
          ? { kind: 'prefix', value: withoutFinalSlash(raw.path ?? '/') }
          : { kind: 'exact', value: raw.exactPath },
      methods: raw.methods,
      headers: raw.headers,
    };
  });
}

function headers(): z.ZodType<RouteMatch['headers']> {
  const value = z.union([
    booleanLeaf('`true`: any value.').transform(() => undefined),
    text('The value it must have.', {
      pattern: /^[!-~]([ -~]*[!-~])?$/,
      allowed: 'true, or visible ASCII text',
      problem: 'is not a header value',
    }),
  ]);
  return pairs(value, 'Headers that must be there: with this value, or with any where it says `true`.').transform(
    (entries, issues): RouteMatch['headers'] =>
      entries.map(([header, wanted]) => {
        if (!/^[A-Za-z0-9!#$%&'*+.^`|~-]{1,64}$/.test(header))
          addIssue(issues, 'is not a header name', { path: [header] });
        return { name: header.toLowerCase(), value: wanted };
      }),
  );
}

function request(): z.ZodType<(base: RequestLimits) => RequestLimits> {
  const mediaType = text('A media type, or `text/*`.', {
    pattern: /^[A-Za-z0-9!#$&^_.+-]+\/(\*|[A-Za-z0-9!#$&^_.+-]+)$/,
    allowed: 'a media type such as application/json or text/*',
    problem: 'is not a media type',
  }).transform((type) => type.toLowerCase());
  return section('Limits of requests. What is not named has the default of the profile.', {
    methods: list(method('A method.'), 'Methods that may pass. Empty: all.').optional(),
    bodyMax: size('Largest request body.', { min: '0B', max: '10GB' }).optional(),
    headerMax: size('Largest header section.', { min: '256B', max: '64KB' }).optional(),
    headerCountMax: integerLeaf('Most header fields.', { min: 1, max: 200 }).optional(),
    targetMax: size('Longest path with query.', { min: '16B', max: '64KB' }).optional(),
    contentTypes: list(mediaType, 'Media types of bodies that may pass. Empty: all.').optional(),
    bodyOnGet: booleanLeaf('Let GET and HEAD carry a body.').optional(),
    encodedSlash: booleanLeaf('Let %2F and %5C pass in paths.').optional(),
    bodyRateMin: size('Slowest average a body may arrive with, per second.', { min: '0B', max: '1GB' }).optional(),
    bodyGrace: duration('Time before that average counts.', { min: '100ms', max: '10m' }).optional(),
    totalTimeout: duration('From the first byte of a request to the last of its response.', {
      min: '100ms',
      max: '1d',
    }).optional(),
    stallTimeout: duration('Longest time a client takes nothing of a response that waits for it.', {
      min: '100ms',
      max: '1h',
    }).optional(),
  }).transform(
    (raw) =>
      (base: RequestLimits): RequestLimits => ({
        methods: raw.methods ?? base.methods,
        bodyBytesMax: raw.bodyMax ?? base.bodyBytesMax,
        headerBytesMax: raw.headerMax ?? base.headerBytesMax,
        headersMax: raw.headerCountMax ?? base.headersMax,
        targetBytesMax: raw.targetMax ?? base.targetBytesMax,
        contentTypes: raw.contentTypes ?? base.contentTypes,
        isBodyOnGetAllowed: raw.bodyOnGet ?? base.isBodyOnGetAllowed,
        isEncodedSlashAllowed: raw.encodedSlash ?? base.isEncodedSlashAllowed,
        bodyBytesPerSecondMin: raw.bodyRateMin ?? base.bodyBytesPerSecondMin,
        bodyGraceMs: raw.bodyGrace ?? base.bodyGraceMs,
        totalMs: raw.totalTimeout ?? base.totalMs,
        stallMs: raw.stallTimeout ?? base.stallMs,
      }),
  );
}

interface WebSocketDraft {
  readonly fill: (base: WebSocketLimits) => WebSocketLimits;
  /** Limits were named, and whether WebSockets may pass was not. */
  readonly isSilent: boolean;
}

function webSocket(): z.ZodType<WebSocketDraft> {
  const short = booleanLeaf('Whether WebSockets may pass.').transform(
    (isAllowed): WebSocketDraft => ({ fill: (base) => ({ ...base, isAllowed }), isSilent: false }),
  );
  const long = section('Limits of WebSockets. What is not named has the default of the profile.', {
    allowed: booleanLeaf('Whether WebSockets may pass.').optional(),
    messageMax: size('Largest message; a larger one closes the connection with 1009.', {
      min: '1B',
      max: '64MB',
    }).optional(),
    fragmentsMax: integerLeaf('Most fragments one message may come in.', { min: 1, max: 10_000 }).optional(),
    idleTimeout: duration('Longest silence in both directions.', { min: '1s', max: '1d' }).optional(),
    perClientMax: integerLeaf('Most open WebSockets of one client (IPv6: of one /64).', {
      min: 1,
      max: 1_000_000,
    }).optional(),
    bufferMax: size('Bytes that wait for a slow reader before the other side is paused.', {
      min: '1KB',
      max: '64MB',
    }).optional(),
    stallTimeout: duration('Longest time waiting bytes may stay unread.', { min: '100ms', max: '1h' }).optional(),
  }).transform(
    (raw): WebSocketDraft => ({
      isSilent: raw.allowed === undefined && Object.keys(raw).length > 0,
      fill: (base) => ({
        isAllowed: raw.allowed ?? base.isAllowed,
        messageBytesMax: raw.messageMax ?? base.messageBytesMax,
        fragmentsMax: raw.fragmentsMax ?? base.fragmentsMax,
        idleMs: raw.idleTimeout ?? base.idleMs,
        perClientMax: raw.perClientMax ?? base.perClientMax,
        bufferBytesMax: raw.bufferMax ?? base.bufferBytesMax,
        stallMs: raw.stallTimeout ?? base.stallMs,
      }),
    }),
  );
  return z.union([short, long]);
}

/**
 * Segments of RFC 3986 `pchar`, none of them empty, `.` or `..`, with or without a slash at the end. Percent-encoding is
 * upper case and never of unreserved characters: requests are compared after they have been brought into this form.
 */
const PATH =
  /^\/(?:(?!\.{1,2}(?:\/|$))(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%(?!2D|2E|3[0-9]|4[1-9A-F]|5[0-9A]|5F|6[1-9A-F]|7[0-9A]|7E)[0-9A-F]{2})+(?:\/|$))*$/;

function withoutFinalSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
