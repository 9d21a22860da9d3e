import type { Operator } from '../operators/operator.ts';
import { withConstant } from '../operators/registry.ts';
import { type Macro, parseMacro } from '../seclang/macro.ts';
import type { ActionList } from '../seclang/rule.ts';
import type { Value } from './collection.ts';
import { isHeadMatch, runRule } from './evaluator.ts';
import type { Known } from './known.ts';
import type { MatchedRule } from './outcome.ts';
import type { PersistentValue } from './persistence.ts';
import type { CompiledRule, CompiledTarget, Plan, Program } from './plan.ts';
import { State } from './state.ts';

/**
 * What a policy decides in advance. CRS asks some two hundred times for a paranoia level that its setup has set, and
 * gives fifty variables of TX their defaults: the answer is the same for every request, so it is found once.
 *
 * The rules are run here on what is known to hold for every request, and where something else is asked the answer stays
 * open. Nothing is folded that a rule could change before it is reached; and when `ctl` removes a rule that was folded,
 * the transaction goes on rule by rule.
 */
export interface FoldedPhase {
  /** What is left to do, in the order of the rules. */
  readonly steps: readonly FoldedStep[];
  /** What holds wherever the phase ends. */
  readonly exit: Known;
  /** Rules that are reached and never match. */
  readonly dropped: readonly CompiledRule[];
}

/** A rule to be evaluated, or what rules that always match do. */
export type FoldedStep =
  | {
      readonly kind: 'rule';
      readonly index: number;
      readonly rule: CompiledRule;
      /** The operator of the head, with what is known for every request in place of its macros. */
      readonly operator: Operator | undefined;
    }
  | {
      readonly kind: 'block';
      readonly index: number;
      /** The index of the rule that comes next: the last one of the block may jump. */
      readonly next: number;
      readonly rules: readonly CompiledRule[];
      readonly matched: readonly MatchedRule[];
      /** What variables of TX are afterwards, in the order in which they were first set. */
      readonly writes: ReadonlyMap<string, Value>;
      /** What MATCHED_VAR and its companions are afterwards; undefined when no rule of the block looked at anything. */
      readonly noted: Noted | undefined;
    };

export interface Noted {
  readonly name: string;
  readonly text: string;
}

/** Folds the rules of one phase, given what holds when it begins. */
export function foldPhase(plan: Plan, program: Program, entry: Known): FoldedPhase {
  return new Folder(plan, program).fold(entry);
}

/**
 * Folds a phase for transactions in which no rule that depends on the request has changed a variable of TX that the
 * outcome relies on, or jumped. `relied` gathers the names of those variables.
 */
export function foldQuietPhase(
  { plan, program, relied }: { plan: Plan; program: Program; relied: Set<string> },
  entry: Known,
): FoldedPhase {
  return new Folder(plan, program, relied).fold(entry);
}

class Folder {
  readonly #plan: Plan;
  readonly #program: Program;
  /** Undefined where everything counts that a rule may do. */
  readonly #relied: Set<string> | undefined;
  readonly #steps: FoldedStep[] = [];
  readonly #dropped: CompiledRule[] = [];
  /** What holds where a jump leads to, by the index of the rule; the number of rules is the end of the phase. */
  readonly #jumps = new Map<number, Known>();
  #open: OpenBlock | undefined;
  /** What the last rule was tried on: it serves the next one too where the same is known and no rule has run on it. */
  #trial: Trial | undefined;

  constructor(plan: Plan, program: Program, relied?: Set<string>) {
    this.#plan = plan;
    this.#program = program;
    this.#relied = relied;
  }

  fold(entry: Known): FoldedPhase {
    const { rules } = this.#program;
    let known: Known | undefined = entry;
    for (const [index, rule] of rules.entries()) {
      const arriving = this.#jumps.get(index);
      // A jump may lead here at run time, so a block must not reach across.
      if (arriving !== undefined) this.#closeBlock();
      known = joined(known, arriving);
      if (known !== undefined) known = this.#rule(rule, index, known);
    }
    this.#closeBlock();
    const exit = joined(known, this.#jumps.get(rules.length)) ?? entry;
    return { steps: this.#steps, exit, dropped: this.#dropped };
  }

  /** What holds behind the rule where it does not jump; undefined when it always does. */
  #rule(rule: CompiledRule, index: number, known: Known): Known | undefined {
    const trial = this.#trialOn(known);
    const isMatch = trial.headMatches(rule);
    if (isMatch === false) {
      this.#dropped.push(rule);
      return known;
    }
    const outcome = isMatch === true && trial.canRun(rule) ? trial.run(rule) : undefined;
    if (outcome !== undefined) {
      const { skip, skipAfter } = rule.rule.actions;
      const isJump = skipAfter !== undefined || skip > 0;
      const next = isJump ? this.#destination(rule, index) : index + 1;
      this.#addToBlock({ rule, index, next, outcome });
      if (!isJump) return outcome.known;
      this.#jump(next, outcome.known);
      this.#closeBlock();
      return undefined;
    }
    this.#closeBlock();
    if (this.#relied !== undefined) {
      this.#steps.push({ kind: 'rule', index, rule, operator: undefined });
      return known;
    }
    this.#steps.push({ kind: 'rule', index, rule, operator: trial.operatorOf(rule) });
    const after = [rule, ...rule.links].reduce((left, link) => withoutEffects(link.rule.actions, left), known);
    const { disruption, actions } = rule.rule;
    if (disruption.kind !== 'pass' && disruption.kind !== 'block') this.#jump(this.#program.rules.length, after);
    if (actions.skipAfter !== undefined || actions.skip > 0) this.#jump(this.#destination(rule, index), after);
    // `ctl:ruleEngine=Off` ends the phase as well, but then no later phase runs.
    return after;
  }

  #trialOn(known: Known): Trial {
    if (this.#trial?.known !== known || this.#trial.hasRun) this.#trial = new Trial(this.#plan, known, this.#relied);
    return this.#trial;
  }

  #destination({ rule: { actions } }: CompiledRule, index: number): number {
    if (actions.skipAfter === undefined) return Math.min(index + 1 + actions.skip, this.#program.rules.length);
    const places = this.#program.labels.get(actions.skipAfter) ?? [];
    return places.find((place) => place > index) ?? this.#program.rules.length;
  }

  #jump(to: number, known: Known): void {
    const arrived = joined(this.#jumps.get(to), known);
    if (arrived !== undefined) this.#jumps.set(to, arrived);
  }

  #addToBlock(added: { rule: CompiledRule; index: number; next: number; outcome: Outcome }): void {
    const { rule, index, next } = added;
    const { matched, noted, writes } = added.outcome;
    this.#open ??= { kind: 'block', index, next, rules: [], matched: [], writes: new Map(), noted: undefined };
    this.#open.next = next;
    this.#open.rules.push(rule);
    this.#open.matched.push(matched);
    this.#open.noted = noted ?? this.#open.noted;
    for (const [key, value] of writes) this.#open.writes.set(key, value);
  }

  #closeBlock(): void {
    if (this.#open !== undefined) this.#steps.push(this.#open);
    this.#open = undefined;
  }
}

interface OpenBlock {
  readonly kind: 'block';
  readonly index: number;
  next: number;
  readonly rules: CompiledRule[];
  readonly matched: MatchedRule[];
  readonly writes: Map<string, Value>;
  noted: Noted | undefined;
}

/** What a rule did that matches for every request. */
interface Outcome {
  readonly matched: MatchedRule;
  readonly writes: ReadonlyMap<string, Value>;
  readonly noted: Noted | undefined;
  readonly known: Known;
}

/** One rule, run on what is known. It is the evaluator of requests that runs it, so that the outcome is the same. */
class Trial {
  readonly known: Known;
  readonly #relied: Set<string> | undefined;
  readonly #plan: Plan;
  #made: State | undefined;
  #hasRun = false;

  constructor(plan: Plan, known: Known, relied: Set<string> | undefined) {
    this.#plan = plan;
    this.known = known;
    this.#relied = relied;
  }

  /** A rule has run, and may have changed what the next one would be tried on. */
  get hasRun(): boolean {
    return this.#hasRun;
  }

  /** Most rules look at what a request brings: for them none is made. */
  get #state(): State {
    if (this.#made !== undefined) return this.#made;
    this.#made = new State({ ...NOTHING, plan: this.#plan });
    for (const { key, text } of this.known.values()) this.#made.variables.tx.set(key, text);
    return this.#made;
  }

  /** Whether the head matches; undefined when that depends on the request. */
  headMatches(rule: CompiledRule): boolean | undefined {
    if (!this.#canLook(rule)) return undefined;
    return isHeadMatch(rule, this.#state);
  }

  /** The operator of the head with what is known in place of its macros; undefined where it has none, or not all is known. */
  operatorOf({ rule }: CompiledRule): Operator | undefined {
    const { operator: use, actions } = rule;
    if (use === undefined || !FOLDED_OPERATORS.has(use.name)) return undefined;
    const macro = parseMacro(use.argument);
    if (macro.constant !== undefined) return undefined;
    // What the rule does when it matches one value holds already when it looks at the next one.
    const throughout = withoutEffects(actions, this.known);
    const isKnown = (part: Macro['parts'][number]): boolean =>
      typeof part === 'string' ||
      (part.variable === 'TX' && part.key !== '' && throughout.isKnown(part.key.toLowerCase()));
    return macro.parts.every(isKnown) ? withConstant(use, this.#state.variables.expand(macro)) : undefined;
  }

  /** True when everything that the rule and its links look at and do is known. */
  canRun(head: CompiledRule): boolean {
    if (head.rule.actions.severity !== undefined) return false;
    if (head.rule.disruption.kind !== 'pass' && head.rule.disruption.kind !== 'block') return false;
    // What one link sets the next one may look at, so that is known as well.
    const written = new Set<string>();
    for (const link of [head, ...head.links]) {
      if (!this.#canLook(link, written) || !this.#canAct(link, written)) return false;
    }
    const { msg, logdata } = head.rule.actions;
    return [msg, logdata].every((macro) => macro === undefined || this.#canExpand(macro, head, written));
  }

  /** Undefined when a link does not match: links before it have had their effects, and those are left to the request. */
  run(rule: CompiledRule): Outcome | undefined {
    this.#hasRun = true;
    const { tx } = this.#state.variables;
    if (!runRule(rule, this.#state)) return undefined;
    const [matched] = this.#state.matched;
    if (matched === undefined) throw new Error('a rule that matches is among the matches');
    const writes = new Map<string, Value>();
    const known = this.known.copy();
    for (const link of [rule, ...rule.links]) {
      for (const { key } of link.rule.actions.setVariables) {
        const name = this.#state.variables.expand(key).toLowerCase();
        const [value] = tx.valuesOf(name);
        if (value === undefined) continue;
        writes.set(name, value);
        known.set(name, value);
      }
    }
    const hasLooked = [rule, ...rule.links].some(({ operator }) => operator !== undefined);
    return { matched: lasting(matched), writes, known, noted: hasLooked ? this.#noted() : undefined };
  }

  #noted(): Noted {
    const { variables } = this.#state;
    return {
      name: variables.scalar('MATCHED_VAR_NAME'),
      text: variables.scalar('MATCHED_VAR'),
    };
  }

  #canLook({ rule, targets, operator }: CompiledRule, written: ReadonlySet<string> = NO_NAMES): boolean {
    if (operator === undefined) return true;
    const { operator: use, actions } = rule;
    if (use === undefined || !FOLDED_OPERATORS.has(use.name) || actions.isMultiMatch) return false;
    const isKnown = (target: CompiledTarget): boolean => {
      const { variable, key, exclusions } = target;
      if (variable !== 'TX' || key === undefined || exclusions.length > 0) return false;
      return this.#isKnownKey(key, written);
    };
    return targets.every(isKnown) && parseMacro(use.argument).parts.every((part) => this.#isKnownPart(part, written));
  }

  #canAct(link: CompiledRule, written: Set<string>): boolean {
    const { actions } = link.rule;
    const others =
      actions.controls.length +
      actions.initCollections.length +
      actions.expireVariables.length +
      actions.setEnvironment.length;
    if (others > 0 || actions.doesCapture || actions.isMultiMatch) return false;
    for (const { collection, key, change, value } of actions.setVariables) {
      // A name that is not constant would be another one with other values.
      if (collection !== 'TX' || key.constant === undefined || change === 'unset') return false;
      const name = key.constant.toLowerCase();
      const isSum = change !== 'set' && !written.has(name);
      if (isSum && !this.#isKnownKey(name, written)) return false;
      if (!this.#canExpand(value, link, written)) return false;
      written.add(name);
    }
    return true;
  }

  #canExpand(macro: Macro, link: CompiledRule, written: ReadonlySet<string>): boolean {
    if (macro.constant !== undefined) return true;
    return macro.parts.every((part) => {
      if (typeof part === 'string' || part.variable === 'RULE') return true;
      if (part.variable === 'MATCHED_VAR' || part.variable === 'MATCHED_VAR_NAME') return link.operator !== undefined;
      return this.#isKnownPart(part, written);
    });
  }

  #isKnownPart(part: Macro['parts'][number], written: ReadonlySet<string>): boolean {
    if (typeof part === 'string') return true;
    return part.variable === 'TX' && part.key !== '' && this.#isKnownKey(part.key, written);
  }

  #isKnownKey(key: string, written: ReadonlySet<string>): boolean {
    const name = key.toLowerCase();
    if (written.has(name)) return true;
    if (!this.known.isKnown(name)) return false;
    this.#relied?.add(name);
    return true;
  }
}

/**
 * A copy that lives as long as the policy. V8 learns where objects are made that live long, and makes all that come from
 * there beyond the reach of cheap collections: matches of policies must not teach it that about those of requests.
 */
function lasting(match: MatchedRule): MatchedRule {
  return {
    ...match,
    values: Array.from(match.values, (value) => ({ ...value })),
    scores: Array.from(match.scores, (score) => ({ ...score })),
  };
}

const NO_NAMES: ReadonlySet<string> = new Set();

/** Operators that look at nothing but the value and their argument, and need no pattern. */
const FOLDED_OPERATORS: ReadonlySet<string> = new Set([
  'beginswith',
  'contains',
  'endswith',
  'eq',
  'ge',
  'gt',
  'le',
  'lt',
  'nomatch',
  'streq',
  'unconditionalmatch',
  'within',
]);

/** What is still known when the actions may have run. */
function withoutEffects(actions: ActionList, known: Known): Known {
  let left = known;
  if (actions.doesCapture) for (let group = 0; group <= 9; group += 1) left = left.without(String(group));
  for (const { collection, key } of actions.setVariables) {
    if (collection !== 'TX') continue;
    if (key.constant === undefined) {
      const [first] = key.parts;
      left = left.withoutAll(typeof first === 'string' ? first.toLowerCase() : '');
    } else left = left.without(key.constant.toLowerCase());
  }
  return left;
}

function joined(one: Known | undefined, other: Known | undefined): Known | undefined {
  if (one === undefined) return other;
  return other === undefined ? one : one.join(other);
}

/** A trial asks for none of it: time, addresses and detectors are not known in advance. */
const NOTHING = {
  detectors: { sqli: (): undefined => undefined, xss: (): boolean => false },
  clock: { wallMs: (): number => 0, monotonicMs: (): number => 0 },
  persistence: { load: (): ReadonlyMap<string, PersistentValue> => new Map(), merge: (): void => undefined },
  stepsMax: Number.MAX_SAFE_INTEGER,
} as const;
