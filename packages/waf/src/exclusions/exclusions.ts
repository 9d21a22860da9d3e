import { percentDecoded } from '../engine/request-target.ts';
import type { RuleSource } from '../seclang/parse.ts';
import { bytesOf, literal, type Spelled, spelledRules, spelledTarget } from './spelling.ts';

/**
 * What rules are not to look at, why, and until when. Plain data, as a configuration file has it.
 *
 * Everything that is left out holds everywhere: without `target` the rules do not run at all, without a path they are left
 * out on every path.
 */
export interface Exclusion {
  /** Numbers and ranges of them, `1010` or `1010-1019`; or a tag, letter by letter. Exactly one of the two. */
  readonly rules: { readonly ids: readonly string[] } | { readonly tag: string };
  /** `ARGS:comment`, `REQUEST_COOKIES:/^utm_/`, `REQUEST_BODY`: what the rules do not see. */
  readonly target?: string | undefined;
  /** A prefix of whole segments: `/api` holds for `/api` and `/api/x`, not for `/apix`. */
  readonly path?: string | undefined;
  /** The whole path, in place of `path`. */
  readonly exactPath?: string | undefined;
  /** For whoever reads it in a year. At least 8 characters. */
  readonly reason: string;
  /** The last day on which it holds, in UTC: `2027-03-31`. */
  readonly until: string;
}

/** What is to be said about one exclusion. With an `error` the exclusions are not usable. */
export interface ExclusionProblem {
  readonly severity: 'error' | 'warning';
  /** Its place in the list, from 0. */
  readonly index: number;
  /** The part of it that is meant; undefined for the whole. */
  readonly key: keyof Exclusion | undefined;
  /** One sentence. */
  readonly message: string;
}

export interface ExclusionRules {
  /**
   * SecLang, to be put in front of all other rules: what it leaves out has to be known before they run. Its rules have ids
   * from 7,090,000 on, and stop matching by themselves when their exclusion ends.
   */
  readonly rules: RuleSource;
  readonly problems: readonly ExclusionProblem[];
  /** How many hold at `nowMs`. */
  readonly activeCount: number;
}

/**
 * Compiles exclusions into rules. Pure: the same exclusions at the same time are the same text. One that has ended is a
 * warning and holds no longer; one that is about to end is a warning too.
 *
 * @param nowMs Milliseconds since 1970.
 */
export function exclusionsToRules(exclusions: readonly Exclusion[], nowMs: number): ExclusionRules {
  const problems: ExclusionProblem[] = [];
  const texts: string[] = [];
  for (const [index, exclusion] of exclusions.slice(0, EXCLUSIONS_MAX).entries()) {
    const read = readExclusion(exclusion);
    for (const one of read.problems) problems.push({ severity: 'error', index, ...one });
    if (read.problems.length > 0) continue;
    const warning = endWarning(read.endsMs, exclusion.until, nowMs);
    if (warning !== undefined) problems.push({ severity: 'warning', index, key: 'until', message: warning });
    if (nowMs < read.endsMs) texts.push(ruleOf(exclusion, read, EXCLUSION_ID_FIRST + index));
  }
  if (exclusions.length > EXCLUSIONS_MAX) {
    const message = `there are more than ${EXCLUSIONS_MAX} exclusions`;
    problems.push({ severity: 'error', index: EXCLUSIONS_MAX, key: undefined, message });
  }
  return { rules: { name: 'exclusions', text: texts.join('\n') }, problems, activeCount: texts.length };
}

/** The first id of the rules that exclusions become; the one at place 3 of the list has this number plus 3. */
const EXCLUSION_ID_FIRST = 7_090_000;

/** Each is looked at in every exchange. Whoever needs thousands needs other rules. */
const EXCLUSIONS_MAX = 1_000;

/** An end that nobody saw coming is a night of refused customers. */
const END_WARNING_MS: number = 14 * 86_400_000;

/** A reason of three letters is none. */
const REASON_LENGTH_MIN = 8;

interface ReadExclusion {
  /** Empty when the exclusion can be used. */
  readonly problems: readonly Pick<ExclusionProblem, 'key' | 'message'>[];
  /** The first millisecond at which it no longer holds. */
  readonly endsMs: number;
  /** `Id=1010`. */
  readonly rules: readonly string[];
  /** `;ARGS:name`, '' when the rules do not run at all. */
  readonly target: string;
}

function readExclusion({ rules, target, path, exactPath, reason, until }: Exclusion): ReadExclusion {
  const problems: { key: keyof Exclusion; message: string }[] = [];
  const texts = (key: 'rules' | 'target', spelled: Spelled): readonly string[] => {
    if (spelled.kind === 'spelled') return spelled.texts;
    problems.push({ key, message: spelled.message });
    return [];
  };
  const spelledOnes = texts('rules', spelledRules(rules));
  const [spelled = ''] = target === undefined ? [] : texts('target', spelledTarget(target));
  for (const [key, value] of [
    ['path', path],
    ['exactPath', exactPath],
  ] as const) {
    if (value === undefined || /^\/[\x21-\x7e]*$/.test(value)) continue;
    problems.push({ key, message: `${value} does not begin with / or holds what no path holds` });
  }
  if (path !== undefined && exactPath !== undefined) {
    problems.push({ key: 'exactPath', message: 'cannot stand beside path' });
  }
  if (reason.trim().length < REASON_LENGTH_MIN || /\p{Cc}/u.test(reason)) {
    problems.push({ key: 'reason', message: `has to be one line of at least ${REASON_LENGTH_MIN} characters` });
  }
  const endsMs = endOf(until);
  if (endsMs === undefined) problems.push({ key: 'until', message: `${until} is no day, such as 2027-03-31` });
  return { problems, endsMs: endsMs ?? 0, rules: spelledOnes, target: spelled === '' ? '' : `;${spelled}` };
}

/** The end of a day in UTC; undefined for a day that no calendar has. */
function endOf(day: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined;
  const beginsMs = Date.parse(`${day}T00:00:00Z`);
  const isReal = !Number.isNaN(beginsMs) && new Date(beginsMs).toISOString().startsWith(day);
  return isReal ? beginsMs + 86_400_000 : undefined;
}

function endWarning(endsMs: number, until: string, nowMs: number): string | undefined {
  if (nowMs >= endsMs) return `ended on ${until} and no longer holds; give it a new end, or take it out`;
  return endsMs - nowMs < END_WARNING_MS ? `ends on ${until}` : undefined;
}

/** Rules with controls instead of directives: an end and a path hold for each exchange, not for the process. */
function ruleOf(exclusion: Exclusion, { endsMs, rules, target }: ReadExclusion, id: number): string {
  const verb = target === '' ? 'ruleRemoveBy' : 'ruleRemoveTargetBy';
  const controls = rules.map((one) => `ctl:'${verb}${one}${target}'`).join(',');
  const path = pathPattern(exclusion);
  const head = `SecRule TIME_EPOCH "@lt ${endsMs / 1_000}" "id:${id},phase:1,pass,nolog,t:none`;
  const comment = `# ${bytesOf(exclusion.reason)} (until ${exclusion.until})`;
  if (path === undefined) return `${comment}\n${head},${controls}"`;
  // A path that climbs is another path for the server behind us; an exclusion is only for those that cannot be.
  return `${comment}
${head},chain"
SecRule REQUEST_FILENAME "@rx ${path}" "t:none,chain"
SecRule REQUEST_FILENAME "!@rx ${CLIMBING}" "t:none,${controls}"`;
}

/** Of the path as rules see it, which is decoded once. Undefined when every path is meant. */
function pathPattern({ path, exactPath }: Exclusion): string | undefined {
  if (exactPath !== undefined) return `^${literal(percentDecoded(exactPath))}$`;
  const prefix = path?.replace(/\/$/, '') ?? '';
  return prefix === '' ? undefined : `^${literal(percentDecoded(prefix))}(?:/|$)`;
}

const CLIMBING = String.raw`(?i)(?:[/\x5c]|%2f|%5c)(?:\.|%2e){1,2}(?:[/\x5c;]|%2f|%5c|%3b|$)`;
