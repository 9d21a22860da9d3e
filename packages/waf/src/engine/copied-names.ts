import { copiesWholeText } from '../operators/pattern.ts';
import { type Macro, parseMacro } from '../seclang/macro.ts';
import { Value } from './collection.ts';
import { transformedText } from './evaluator.ts';
import type { CompiledRule, Plan } from './plan.ts';
import { RecentTexts } from './recent-texts.ts';
import type { State } from './state.ts';
import { isOfNames } from './survey-plan.ts';

/**
 * Undefined for a rule of another form than `CopiedNames` is about, and where another rule may write variables that are named as
 * the copies are.
 */
export function copiedNames(rule: CompiledRule, plan: Plan): CopiedNames | undefined {
  const copying = copyingOf(rule);
  if (copying === undefined) return undefined;
  const all = Object.values(plan.programs).flatMap(({ rules }) => rules.flatMap((one) => [one, ...one.links]));
  const isAlone = all.every((other) => other === rule || !mayWrite(other, copying.prefix));
  return isAlone ? new CopiedNames(copying) : undefined;
}

/**
 * A rule that copies every name of a collection into a variable of TX of its own, and has its link look at the copies: so CRS
 * finds which header fields a policy forbids. Names are the same in one request after another, so what becomes of each is
 * remembered, and only where the link matches a copy has the rule to be run.
 */
export class CopiedNames {
  readonly #copying: Copying;
  #argument = '';
  /** What is known while the link compares with `#argument`. */
  #copies = new RecentTexts<Copy>();

  constructor(copying: Copying) {
    this.#copying = copying;
  }

  /**
   * True where the link matches no copy: what the rule does besides has been done. False where it has to be run, and nothing has
   * been done.
   */
  pass(state: State): boolean {
    const { head, variable, argument } = this.#copying;
    if (state.excludedFrom(head).length > 0) return false;
    const compared = state.variables.expand(argument);
    if (compared !== this.#argument) this.#copies = new RecentTexts();
    this.#argument = compared;
    const { all } = state.variables.of(variable);
    for (const value of all) {
      state.steps += value.text.length + 1;
      if (this.#copyOf(value, state).isMatch) return false;
    }
    state.variables.beginRule(head.rule);
    const last = all.at(-1);
    if (last === undefined) return true;
    const { text } = this.#copyOf(last, state);
    state.variables.tx.putGroups([text]);
    for (const value of all) {
      const { copy } = this.#copyOf(value, state);
      state.variables.tx.put(copy.name, copy);
    }
    state.variables.noteMatch(`${variable}${last.key === '' ? '' : ':'}${last.key}`, text);
    return true;
  }

  #copyOf(name: Value, state: State): Copy {
    const known = this.#copies.recall(name.text);
    if (known !== undefined) return known;
    const { head, link, key, value } = this.#copying;
    const text = transformedText(name, head.chain, state);
    const copy = new Value(withGroupZero(key, text), withGroupZero(value, text));
    const seen = transformedText(copy, link.chain, state);
    const isMatch = link.operator?.(seen, state.probe) !== link.isNegated;
    const made = { text, copy, isMatch };
    this.#copies.remember(name.text, made);
    return made;
  }
}

/** What becomes of one name. */
interface Copy {
  /** What the head captures. */
  readonly text: string;
  readonly copy: Value;
  /** True when the link matches the copy. */
  readonly isMatch: boolean;
}

/** The parts of such a rule. */
interface Copying {
  readonly head: CompiledRule;
  readonly link: CompiledRule;
  readonly variable: string;
  /** With what the names of the copies begin, in lower case. */
  readonly prefix: string;
  readonly key: Macro;
  readonly value: Macro;
  /** What the link compares the copies with. */
  readonly argument: Macro;
}

function copyingOf(head: CompiledRule): Copying | undefined {
  const [target] = head.targets;
  const [link] = head.links;
  const [change] = head.rule.actions.setVariables;
  if (head.targets.length !== 1 || head.links.length !== 1 || head.rule.actions.setVariables.length !== 1)
    return undefined;
  if (target === undefined || link === undefined || change === undefined) return undefined;
  const isSelected = target.key !== undefined || target.pattern !== undefined || target.exclusions.length > 0;
  if (isSelected || target.isCount || !isOfNames(target.variable) || !copiesOnly(head)) return undefined;
  const [first, name] = change.key.parts;
  if (change.collection !== 'TX' || change.change !== 'set' || change.key.parts.length !== 2) return undefined;
  if (typeof first !== 'string' || first.length < PREFIX_LENGTH_MIN || !isGroupZero(name)) return undefined;
  if (!change.value.parts.every((part) => typeof part === 'string' || isGroupZero(part))) return undefined;
  const prefix = first.toLowerCase();
  const argument = comparedWith(link, prefix);
  if (argument === undefined) return undefined;
  return { head, link, variable: target.variable, prefix, key: change.key, value: change.value, argument };
}

/** Longer than what captured groups are called. */
const PREFIX_LENGTH_MIN = 2;

/** True when the head matches every value, captures all of it, and does nothing but set variables. */
function copiesOnly({ rule, isNegated }: CompiledRule): boolean {
  const { operator, actions } = rule;
  const { controls, initCollections, expireVariables, setEnvironment, doesCapture, isMultiMatch } = actions;
  const others = controls.length + initCollections.length + expireVariables.length + setEnvironment.length;
  if (operator === undefined || isNegated || others > 0 || !doesCapture || isMultiMatch) return false;
  return operator.name === 'rx' && copiesWholeText(operator.argument);
}

/** The argument of a link that does nothing but compare the copies with a text; undefined for another one. */
function comparedWith({ rule, targets }: CompiledRule, prefix: string): Macro | undefined {
  const { operator, actions } = rule;
  const [target] = targets;
  if (targets.length !== 1 || target === undefined || target.isCount || target.exclusions.length > 0) return undefined;
  if (target.variable !== 'TX' || target.prefix !== prefix) return undefined;
  if (operator === undefined || !COMPARING.has(operator.name) || actions.isMultiMatch) return undefined;
  const argument = parseMacro(operator.argument);
  // What the head itself writes would make it another text for each of the names.
  const isSteady = (part: Macro['parts'][number]): boolean =>
    typeof part === 'string' ||
    (part.variable === 'TX' && part.key.length >= PREFIX_LENGTH_MIN && !part.key.toLowerCase().startsWith(prefix));
  return argument.parts.every(isSteady) ? argument : undefined;
}

/** Operators that look at nothing but the value and a text. */
const COMPARING: ReadonlySet<string> = new Set(['beginswith', 'contains', 'endswith', 'streq', 'within']);

function isGroupZero(part: Macro['parts'][number] | undefined): boolean {
  return typeof part === 'object' && part.variable === 'TX' && part.key === '0';
}

function withGroupZero({ parts }: Macro, text: string): string {
  return parts.map((part) => (typeof part === 'string' ? part : text)).join('');
}

/** True when the rule, or a link of it, may write a variable of TX whose name begins so. */
function mayWrite({ rule }: CompiledRule, prefix: string): boolean {
  return rule.actions.setVariables.some(({ collection, key }) => {
    if (collection !== 'TX') return false;
    const [first] = key.parts;
    const begin = typeof first === 'string' ? first.toLowerCase() : '';
    return begin.startsWith(prefix) || (key.constant === undefined && prefix.startsWith(begin));
  });
}
