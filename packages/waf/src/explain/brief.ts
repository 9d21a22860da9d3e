import { exclusionTargets, type MatchedRule } from '../engine/outcome.ts';
import { TEXT_SHOWN_MAX } from './explain.ts';
import { maskFor } from './mask.ts';
import { printable } from './printable.ts';

/** What a rule had against an exchange, for one line of a log: the first part that it matched. Masked as an explanation is. */
export interface RuleBrief {
  readonly id: number;
  readonly phase: number;
  readonly message: string;
  readonly data: string;
  /** 0 (emergency) to 7 (debug); undefined when the rule has none. */
  readonly severity: number | undefined;
  /** `ARGS:name`; '' when no part is named. */
  readonly part: string;
  /** As it came. */
  readonly value: string;
  readonly transformations: readonly string[];
  readonly scores: MatchedRule['scores'];
  /** The narrowest exclusion that would have let the part through; '' for rules that judge what others found. */
  readonly exclusion: string;
}

export interface BriefOptions {
  /** All rules that matched, where more did than are told of: one of them may have copied a secret. Default: those. */
  readonly matchedRules?: readonly MatchedRule[] | undefined;
  /** Rules that are told. Integer, at least 0. */
  readonly rulesMax: number;
  /** Bytes of one text that are shown, each as up to four characters, and `…` for the rest. Integer, 1 to 512. */
  readonly textMax: number;
}

/**
 * Says of each rule what `explain` says of it first. Every refused request is told of in its event, and many that are only
 * suspicious: what nobody sees there is not made.
 */
export function briefRules(rules: readonly MatchedRule[], options: BriefOptions): readonly RuleBrief[] {
  const { matchedRules = rules, rulesMax, textMax } = options;
  const shown = rules.slice(0, rulesMax);
  const mask = maskFor(matchedRules, []);
  const short = (bytes: string): string => (bytes === '' ? '' : printable(bytes, textMax));
  return shown.map((rule) => {
    const { id, phase, severity, scores, values } = rule;
    const [first] = values;
    return {
      id,
      phase,
      message: short(mask.prose(rule, rule.message)),
      data: rule.data === '' ? '' : short(mask.data(rule, rule.data)),
      severity,
      part: first === undefined ? '' : short(first.name),
      value: first === undefined ? '' : short(mask.value(first, first.value)),
      transformations: first === undefined ? [] : first.transformations,
      scores,
      exclusion: values.length === 0 ? '' : exclusionOf(rule),
    };
  });
}

/** Half of an exclusion would be another one: a name too long to be shown is left to the rule's own. */
function exclusionOf(rule: MatchedRule): string {
  return exclusionTargets(rule).find(({ length }) => length <= TEXT_SHOWN_MAX) ?? '';
}
