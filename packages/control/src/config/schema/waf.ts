import {
  PROFILES,
  type WafDefaults,
  type WafExclusion,
  type WafPolicy,
  type WafRequestPolicy,
  type WafResponsePolicy,
  type WafScoring,
} from '@sallyport/kernel';
import { z } from 'zod';
import type { ParseContext } from '../context.ts';
import { addIssue, booleanLeaf, choiceLeaf, integerLeaf, section } from '../leaf.ts';
import { filePath, list, size, text } from '../leaves.ts';

/** What a route, or the section `waf`, says about inspection by rules; undefined where it says nothing. */
export interface WafDraft {
  readonly mode: WafPolicy['mode'] | undefined;
  readonly rules: readonly string[] | undefined;
  readonly scoring: WafScoring;
  readonly exclusions: readonly WafExclusion[];
  readonly request: Drafted<WafRequestPolicy>;
  readonly response: Drafted<WafResponsePolicy>;
}

type Drafted<T> = { readonly [K in keyof T]: T[K] | undefined };

/** The section `waf`. */
export interface WafSection {
  readonly policy: WafDraft;
  readonly heldBytesMax: number;
  readonly heldPerClientBytesMax: number;
}

export function waf(context: ParseContext): z.ZodType<WafSection> {
  return section(
    'Inspection of requests and responses by rules, for every route that says nothing else. The rules are those of the built-in starter pack, or files in the language of ModSecurity, such as the OWASP CRS.',
    {
      ...shape(context),
      heldMax: size('Bytes of bodies held for inspection at one time, over all requests together.', {
        min: '1MB',
        max: '64GB',
      }).prefault('256MB'),
      heldPerClientMax: size('The same for one client (IPv6: one /64), in each worker.', {
        min: '64KB',
        max: '64GB',
      }).prefault('64MB'),
    },
  )
    .transform((raw): WafSection => {
      const { heldMax, heldPerClientMax, ...rest } = raw;
      return { policy: draftOf(rest), heldBytesMax: heldMax, heldPerClientBytesMax: heldPerClientMax };
    })
    .prefault({});
}

/** `routes[].waf`. */
export function routeWaf(context: ParseContext): z.ZodType<WafDraft> {
  const short = mode(', or a section').transform((only): WafDraft => ({ ...SILENT, mode: only }));
  const long = section(
    'How the requests of this route are inspected. What is not named is as in the section `waf`; exclusions are added to those there.',
    shape(context),
  ).transform(draftOf);
  return z.union([short, long]);
}

/** A route that says nothing. */
export const SILENT: WafDraft = {
  mode: undefined,
  rules: undefined,
  scoring: {
    paranoia: undefined,
    detectionParanoia: undefined,
    inboundThreshold: undefined,
    outboundThreshold: undefined,
    isEarlyBlocking: undefined,
  },
  exclusions: [],
  request: { isBodyInspected: undefined, bodyBytesMax: undefined, aboveBodyMax: undefined, encodedBody: undefined },
  response: {
    isInspected: undefined,
    types: undefined,
    bodyBytesMax: undefined,
    windowBytes: undefined,
    aboveBodyMax: undefined,
  },
};

/** Puts together what the route says, what the section `waf` says, and what the profile has. */
export function fillWaf(
  draft: WafDraft,
  general: WafDraft,
  base: { readonly defaults: WafDefaults; readonly requestBytesMax: number },
): WafPolicy {
  const { defaults, requestBytesMax } = base;
  const inherited = { ...defaults.request, bodyBytesMax: Math.min(requestBytesMax, defaults.request.bodyBytesMax) };
  return {
    mode: draft.mode ?? general.mode ?? defaults.mode,
    ruleSet: '',
    rules: draft.rules ?? general.rules ?? [],
    scoring: { ...general.scoring, ...said(draft.scoring) },
    exclusions: draft.exclusions,
    request: { ...inherited, ...said(general.request), ...said(draft.request) },
    response: { ...defaults.response, ...said(general.response), ...said(draft.response) },
  };
}

/** What requests are judged by that are no valid HTTP, so that no route is known. */
export function fillGeneralWaf(general: WafDraft): WafPolicy {
  const { request, waf: defaults } = PROFILES.api;
  return {
    ...fillWaf(general, SILENT, { defaults, requestBytesMax: request.bodyBytesMax }),
    exclusions: general.exclusions,
  };
}

/** The entries that are there. */
function said<T extends object>(entries: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const present: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const key in entries) {
    const value = entries[key];
    if (isThere(value)) present[key] = value;
  }
  return present;
}

function isThere<T>(value: T): value is Exclude<T, undefined> {
  return value !== undefined;
}

function mode(alternative = ''): z.ZodType<WafPolicy['mode']> {
  return choiceLeaf(
    '`block` refuses what the rules refuse, `detect` only records it, `off` runs no rule.',
    ['off', 'detect', 'block'],
    alternative,
  );
}

function shape(context: ParseContext) {
  return {
    mode: mode().optional(),
    rules: list(
      filePath('A folder of rule files, the folder of a CRS release, or one rule file.', context),
      'Rules, in their order. Default: the built-in starter pack.',
    ).optional(),
    paranoia: integerLeaf(
      'Paranoia level: rules up to this one count. Default: what the rules say.',
      LEVELS,
    ).optional(),
    detectionParanoia: integerLeaf('Rules up to this level are recorded, without counting.', LEVELS).optional(),
    inboundThreshold: integerLeaf(
      'A request with this score is refused. Default: what the rules say.',
      SCORES,
    ).optional(),
    outboundThreshold: integerLeaf('A response with this score is withheld.', SCORES).optional(),
    earlyBlocking: booleanLeaf('Refuse as soon as the score is reached, after the head already.').optional(),
    request: request().prefault({}),
    response: response().prefault({}),
    exclusions: list(exclusion(), 'What rules are not to look at, each with its reason and its end.').prefault([]),
  };
}

const LEVELS = { min: 1, max: 4 };
const SCORES = { min: 1, max: 100_000 };

type Raw = z.infer<z.ZodObject<ReturnType<typeof shape>>>;

function draftOf(raw: Raw): WafDraft {
  return {
    mode: raw.mode,
    rules: raw.rules,
    scoring: {
      paranoia: raw.paranoia,
      detectionParanoia: raw.detectionParanoia,
      inboundThreshold: raw.inboundThreshold,
      outboundThreshold: raw.outboundThreshold,
      isEarlyBlocking: raw.earlyBlocking,
    },
    exclusions: raw.exclusions,
    request: raw.request,
    response: raw.response,
  };
}

function request(): z.ZodType<WafDraft['request']> {
  return section('What is inspected of requests.', {
    body: booleanLeaf(
      'Hold bodies until rules have seen them. `false`: rules see the head alone, bodies stream.',
    ).optional(),
    bodyMax: size('Largest body that is held and inspected. Default: the largest the route takes, up to 16MB.', {
      min: '1KB',
      max: '1GB',
    }).optional(),
    aboveBodyMax: choiceLeaf('What happens to a larger one. `inspect-beginning` lets the rest pass unseen.', [
      'refuse',
      'inspect-beginning',
    ]).optional(),
    encodedBody: choiceLeaf('What happens to a body with Content-Encoding. `pass` lets it pass unseen.', [
      'refuse',
      'pass',
    ]).optional(),
  }).transform((raw): WafDraft['request'] => ({
    isBodyInspected: raw.body,
    bodyBytesMax: raw.bodyMax,
    aboveBodyMax: raw.aboveBodyMax,
    encodedBody: raw.encodedBody,
  }));
}

function response(): z.ZodType<WafDraft['response']> {
  const mediaType = text('A media type.', {
    pattern: /^[A-Za-z0-9!#$&^_.+-]+\/[A-Za-z0-9!#$&^_.+-]+$/,
    allowed: 'a media type such as text/html',
    problem: 'is not a media type',
  }).transform((type) => type.toLowerCase());
  return section('What is inspected of responses. Event streams, upgrades and other types than these are never held.', {
    inspect: booleanLeaf(
      'Let rules see responses before clients do. Where they do not, phase 5 follows the request at once and knows no response.',
    ).optional(),
    types: list(mediaType, 'Media types whose bodies are inspected.').optional(),
    bodyMax: size('Bytes of a response that are inspected.', { min: '1KB', max: '64MB' }).optional(),
    window: size('Bytes held at one time. A response that is no larger is judged before a byte of it leaves.', {
      min: '8KB',
      max: '64MB',
    }).optional(),
    aboveBodyMax: choiceLeaf(
      'What happens to a larger one, or one with Content-Encoding. `pass`: the rest is not seen.',
      ['refuse', 'pass'],
    ).optional(),
  }).transform((raw): WafDraft['response'] => ({
    isInspected: raw.inspect,
    types: raw.types,
    bodyBytesMax: raw.bodyMax,
    windowBytes: raw.window,
    aboveBodyMax: raw.aboveBodyMax,
  }));
}

/** What the engine says about an exclusion comes later; here only its form. */
function exclusion(): z.ZodType<WafExclusion> {
  const any = (description: string, allowed: string): z.ZodType<string> =>
    text(description, { pattern: /^\S.*$/s, allowed, problem: 'is empty' });
  const id = z.union([
    integerLeaf('A rule id.', { min: 1, max: 999_999_999 }).transform(String),
    text('A range of rule ids.', {
      pattern: /^\d{1,9}(-\d{1,9})?$/,
      allowed: 'a rule id, or a range such as 942100-942199',
      problem: 'is neither an id nor a range',
    }),
  ]);
  return section('Something that rules do not look at.', {
    rules: list(id, 'Rule ids and ranges. Either this or `tag`.').optional(),
    tag: any('A tag: every rule that has it.', 'a tag').optional(),
    target: any(
      'What these rules do not see: `ARGS:comment`, `REQUEST_COOKIES:/^utm_/`. Default: the rules do not run.',
      'a part of a request as rules name it',
    ).optional(),
    path: any('A prefix of whole path segments. Default: every path.', 'a path').optional(),
    exactPath: any('The whole path, in place of `path`.', 'a path').optional(),
    reason: any('Why, for whoever reads it in a year.', 'a sentence'),
    until: text('The last day on which it holds, in UTC.', {
      pattern: /^\d{4}-\d{2}-\d{2}$/,
      allowed: 'a day such as 2027-03-31',
      problem: 'is not a day',
    }),
  }).transform((raw, issues): WafExclusion => {
    const { rules, tag, target, path, exactPath, reason, until } = raw;
    if ((rules === undefined) === (tag === undefined)) {
      addIssue(issues, 'needs either rules or tag', { allowed: 'rules: [942100], or tag: attack-sqli' });
    }
    return {
      rules: tag === undefined ? { ids: rules ?? [] } : { tag },
      target,
      path,
      exactPath,
      reason,
      until,
    };
  });
}
