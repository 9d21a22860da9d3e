import { RegexError, regex } from '@sallyport/regex';
import type { ActionList, RuleSelector } from './rule.ts';

/** Tells whether a selector of SecRuleRemove... or ctl names a rule. Throws `RegexError` for a pattern that is none. */
export function ruleMatcher(selector: RuleSelector): (actions: ActionList) => boolean {
  if (selector.kind === 'id') {
    return ({ id }) => id !== undefined && selector.ranges.some(({ from, to }) => id >= from && id <= to);
  }
  const pattern = regex(selector.pattern, { dialect: 'modsecurity' });
  if (selector.kind === 'tag') return ({ tags }) => tags.some((tag) => pattern.test(tag));
  return ({ msg }) => msg !== undefined && pattern.test(msg.constant ?? textOf(msg.parts));
}

/** Why a selector cannot be used; undefined when it can. */
export function selectorProblem(selector: RuleSelector): string | undefined {
  try {
    ruleMatcher(selector);
    return undefined;
  } catch (error) {
    if (error instanceof RegexError) return error.message;
    throw error;
  }
}

function textOf(parts: readonly (string | object)[]): string {
  return parts.filter((part) => typeof part === 'string').join('');
}
