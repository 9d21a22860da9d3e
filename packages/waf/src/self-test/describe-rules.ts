import { type ParsedRules, parseRules, type RuleFiles, type RuleSource } from '../seclang/parse.ts';
import { isRule, type Rule, SEVERITY_NAMES, type Target } from '../seclang/rule.ts';
import { examplesOf, type RuleExample } from './examples.ts';

/** What a rule says about itself, for lists of rules. */
export interface RuleDescription {
  readonly id: number;
  /** Its message, with macros as they are written. */
  readonly name: string;
  /** Its tags: the kind of attack and whatever else they say. */
  readonly type: readonly string[];
  /** What it looks at, and for what: the operator with its argument. `always` for one that looks at nothing. */
  readonly looksAt: string;
  readonly pattern: string;
  /** What it does when it matches: `pass` counts and goes on. */
  readonly action: string;
  /** False when a directive of the same rules takes it out. */
  readonly isEnabled: boolean;
  /** `critical`; undefined when it has none. */
  readonly severity: string | undefined;
  readonly version: string;
  readonly examples: readonly RuleExample[];
  readonly file: string;
  readonly line: number;
}

/** Describes the rules of a rule set in the order in which they stand. Rules that cannot be read are left out. */
export function describeRules(rules: readonly RuleSource[], files: RuleFiles): readonly RuleDescription[] {
  const examples = Map.groupBy(
    rules.flatMap((source) => examplesOf(source).examples),
    ({ ruleId }) => ruleId,
  );
  const enabled = new Set(rulesOf(parseRules(rules, files)).map(({ id }) => id));
  const all = rulesOf(parseRules(rules.map(withoutRemovals), files));
  return all.map((rule) => {
    const { actions, operator } = rule;
    return {
      id: rule.id,
      name: actions.msg === undefined ? '' : textOf(actions.msg.parts),
      type: actions.tags,
      looksAt: rule.targets.map(targetText).join('|'),
      pattern:
        operator === undefined ? 'always' : `${operator.isNegated ? '!' : ''}@${operator.name} ${operator.argument}`,
      action: rule.disruption.kind,
      isEnabled: enabled.has(rule.id),
      severity: actions.severity === undefined ? undefined : SEVERITY_NAMES[actions.severity],
      version: actions.ver ?? '',
      examples: examples.get(rule.id) ?? [],
      file: rule.place.file,
      line: rule.place.line,
    };
  });
}

function rulesOf({ ruleSet }: ParsedRules): readonly Rule[] {
  return ruleSet.items.filter(isRule);
}

/** The same lines without what takes rules out. */
function withoutRemovals({ name, text }: RuleSource): RuleSource {
  return { name, text: text.replaceAll(/^\s*SecRuleRemoveBy\w+[^\n]*$/gim, '') };
}

function targetText({ variable, selector, isCount }: Target): string {
  const key = selector.kind === 'all' ? '' : selector.kind === 'key' ? `:${selector.key}` : `:/${selector.pattern}/`;
  return `${isCount ? '&' : ''}${variable}${key}`;
}

function textOf(parts: readonly (string | { readonly variable: string; readonly key: string })[]): string {
  return parts
    .map((part) => (typeof part === 'string' ? part : `%{${part.variable}${part.key === '' ? '' : `.${part.key}`}}`))
    .join('');
}
