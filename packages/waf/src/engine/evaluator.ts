import type { Operator, OperatorRun } from '../operators/operator.ts';
import type { Phase } from '../seclang/rule.ts';
import { Value } from './collection.ts';
import { runEffects, type Score } from './effects.ts';
import type { Interruption, MatchedRule, MatchedValue } from './outcome.ts';
import { type ChainStep, type CompiledRule, type CompiledTarget, type Program, selects } from './plan.ts';
import type { State } from './state.ts';

/**
 * Runs the rules of one phase one after the other, each with everything it looks at. Plain on purpose: what this
 * evaluator does is what a faster one has to do.
 */
export function runPhase(phase: Phase, state: State): void {
  if (isOver(phase, state) || isAllowed(phase, state)) return;
  runRulesFrom(0, phase, state);
}

/** Runs the rules behind `from`, as `runPhase`; for a transaction that is in the middle of a phase. */
export function runRulesFrom(from: number, phase: Phase, state: State): void {
  for (let index = from; index >= 0; ) index = runRuleAt(index, phase, state);
}

/** Runs one rule in its turn. Returns the index of the next one, -1 where the phase is over. */
export function runRuleAt(index: number, phase: Phase, state: State): number {
  const program = state.context.plan.programs[phase];
  const rule = program.rules[index];
  if (rule === undefined) return -1;
  let next: number | undefined = index + 1;
  if (!state.removed.has(rule) && runRule(rule, state)) next = flow(rule, state, index, program);
  if (next === undefined) return -1;
  if (state.steps > state.context.stepsMax) {
    overrun(phase, state);
    return -1;
  }
  return isOver(phase, state) ? -1 : next;
}

/** True when the phase has nothing more to do. Logging sees every exchange, refused ones as well. */
export function isOver(phase: Phase, state: State): boolean {
  return state.mode === 'Off' || (phase !== 5 && state.interruption !== undefined);
}

/** True when `allow` has taken the phase out. */
export function isAllowed(phase: Phase, { allowed }: State): boolean {
  return phase !== 5 && (allowed === 'transaction' || (allowed === 'request' && phase <= 2));
}

/** True when the head would match. Runs none of its actions, and makes nothing that is thrown away. */
export function isHeadMatch(head: CompiledRule, state: State): boolean {
  const { operator } = head;
  if (operator === undefined) return true;
  const excluded = state.excludedFrom(head);
  const { probe } = state;
  for (const target of head.targets) {
    const values = selected(target, state, excluded);
    if (target.isCount) {
      if (operator(transformedCount(values.length, head.chain), probe) !== head.isNegated) return true;
      continue;
    }
    for (const value of values) {
      const text = transformedText(value, head.chain, state);
      state.steps += text.length + 1;
      if (operator(text, probe) !== head.isNegated) return true;
    }
  }
  state.steps += probe.steps;
  probe.steps = 0;
  return false;
}

function transformedCount(count: number, chain: ChainStep | undefined): string {
  if (chain === undefined) return String(count);
  return chain.apply(transformedCount(count, chain.before));
}

/**
 * True when the rule and all its links match. With `isSurveyed` the values that the head matches are marked already, and
 * no other is looked at.
 */
export function runRule(head: CompiledRule, state: State, isSurveyed?: 'surveyed'): boolean {
  const match: Match = { state, values: [], scores: [], excluded: state.excludedFrom(head) };
  state.variables.beginRule(head.rule);
  if (!runLink(head, match, isSurveyed)) return false;
  for (const link of head.links) if (!runLink(link, match)) return false;
  state.matched.push(describe(head, state, match));
  if (head.rule.actions.severity !== undefined) raiseSeverity(head.rule.actions.severity, state);
  return true;
}

/** What a rule and its links have found so far. */
interface Match {
  readonly state: State;
  readonly values: MatchedValue[];
  readonly scores: Score[];
  readonly excluded: readonly CompiledTarget['exclusions'][number][];
}

function runLink(link: CompiledRule, match: Match, isSurveyed?: 'surveyed'): boolean {
  const { state } = match;
  if (link.operator === undefined) {
    runEffects(link.rule.actions, state, match.scores);
    return true;
  }
  // Its own actions must not extend what it looks at.
  const before = link.looksAtChanging ? link.targets.map((target) => valuesFor(target, match)) : undefined;
  let isMatch = false;
  for (let index = 0; index < link.targets.length; index += 1) {
    const target = link.targets[index];
    if (target === undefined) break;
    for (const value of before?.[index] ?? valuesFor(target, match)) {
      if (isSurveyed !== undefined && !value.isMarked(link.number)) continue;
      if (runOnValue(link, { target, value, isSurveyed: isSurveyed !== undefined }, match)) isMatch = true;
      if (state.steps > state.context.stepsMax) return false;
    }
  }
  return isMatch;
}

interface Candidate {
  readonly target: CompiledTarget;
  readonly value: Value;
  /** The operator is known to match the value, or with multiMatch some form of it. */
  readonly isSurveyed: boolean;
}

function runOnValue(link: CompiledRule, candidate: Candidate, match: Match): boolean {
  const { value } = candidate;
  if (!link.rule.actions.isMultiMatch) {
    return runOnText(link, candidate, transformedText(value, link.chain, match.state), match);
  }
  let isMatch = false;
  for (const text of textsOf(value, link, match.state)) if (runOnText(link, candidate, text, match)) isMatch = true;
  return isMatch;
}

function runOnText(link: CompiledRule, candidate: Candidate, text: string, match: Match): boolean {
  const { operator, rule } = link;
  if (operator === undefined) return false;
  const { state, values } = match;
  const { actions, transformations } = rule;
  const run = actions.doesCapture ? state.capturing(link.groupsMax) : state.probe;
  const { captures } = run;
  const isDecided = candidate.isSurveyed && captures === undefined && !actions.isMultiMatch;
  // What a value captured that does not count, as under a negated operator, is not the next one's.
  if (captures !== undefined) captures.length = 0;
  if (!isDecided && asked(operator, text, run, state) === link.isNegated) return false;
  const name = nameOf(candidate);
  if (captures !== undefined && captures.length > 0) state.variables.tx.putGroups(captures);
  state.variables.noteMatch(name, text);
  if (values.length < MATCHED_VALUES_MAX) {
    values.push({ name, value: candidate.value.text, transformed: text, transformations });
  }
  runEffects(actions, state, match.scores);
  return true;
}

function asked(operator: Operator, text: string, run: OperatorRun, state: State): boolean {
  const isFound = operator(text, run);
  state.steps += text.length + 1 + run.steps;
  run.steps = 0;
  return isFound;
}

/** An explanation with thousands of values explains nothing. */
const MATCHED_VALUES_MAX = 32;

function valuesFor(target: CompiledTarget, { state, excluded }: Match): readonly Value[] {
  const values = selected(target, state, excluded);
  return target.isCount ? [new Value('', String(values.length))] : values;
}

function selected(target: CompiledTarget, state: State, excluded: Match['excluded']): readonly Value[] {
  const values = named(target, state);
  if (values.length === 0 || (excluded.length === 0 && target.exclusions.length === 0)) return values;
  const all = [...target.exclusions, ...excluded.filter(({ variable }) => variable === target.variable)];
  return values.filter((value) => !all.some((one) => selects(one, value)));
}

function named(target: CompiledTarget, state: State): readonly Value[] {
  const collection = state.variables.of(target.variable);
  if (target.key !== undefined) return collection.valuesOf(target.key);
  return target.pattern === undefined ? collection.all : collection.selectedBy(target, selects);
}

/** What macros and explanations call the value. */
function nameOf({ target, value }: Candidate): string {
  const title = TITLES.get(target.variable) ?? target.variable;
  if (target.isCount) return `&${title}`;
  return value.key === '' ? title : `${title}:${value.key}`;
}

/** How XML's two paths are called in messages. */
const TITLES: ReadonlyMap<string, string> = new Map([
  ['XML', 'XML:/*'],
  ['XML_ATTRIBUTES', 'XML://@*'],
]);

/** With multiMatch: the transformed text, and every form on the way that is new. */
function textsOf(value: Value, { chain }: CompiledRule, state: State): readonly string[] {
  const texts = [transformedText(value, chain, state)];
  for (let step = chain; step !== undefined; step = step.before) {
    const before = transformedText(value, step.before, state);
    if (before !== texts[0]) texts.unshift(before);
  }
  return texts;
}

/** The value behind the steps of a chain. */
export function transformedText(value: Value, step: ChainStep | undefined, state: State): string {
  if (step === undefined) return value.text;
  const known = value.derived(step.number);
  if (known !== undefined) return known;
  const before = transformedText(value, step.before, state);
  state.steps += before.length + 1;
  const text = step.apply(before);
  value.derive(step.number, text);
  return text;
}

/** Macros of the head are expanded now, when the whole chain has matched. */
function describe({ rule }: CompiledRule, { variables }: State, match: Match): MatchedRule {
  const { msg, logdata, severity, tags, ver } = rule.actions;
  return {
    id: rule.id,
    phase: rule.phase,
    file: rule.place.file,
    line: rule.place.line,
    message: msg === undefined ? '' : variables.expand(msg),
    data: logdata === undefined ? '' : variables.expand(logdata),
    severity,
    tags,
    version: ver ?? '',
    values: match.values,
    scores: match.scores,
    isLogged: rule.isLogged,
    disruption: rule.disruption.kind,
  };
}

function raiseSeverity(severity: number, { variables }: State): void {
  const highest = variables.scalar('HIGHEST_SEVERITY');
  if (highest === '' || severity < Number(highest)) variables.setScalar('HIGHEST_SEVERITY', String(severity));
}

/** Where the phase goes on after a match; undefined when it ends. */
export function flow({ rule }: CompiledRule, state: State, index: number, program: Program): number | undefined {
  const { disruption, actions } = rule;
  switch (disruption.kind) {
    case 'allow':
      if (state.mode !== 'On') break;
      if (disruption.scope !== 'phase') state.allowed = disruption.scope;
      return undefined;
    case 'deny':
    case 'drop':
    case 'redirect':
      state.interrupt(interruptionOf(rule, state));
      break;
    case 'pass':
    case 'block':
      break;
  }
  if (actions.skipAfter !== undefined) {
    return program.labels.get(actions.skipAfter)?.find((place) => place > index) ?? undefined;
  }
  return index + 1 + actions.skip;
}

function interruptionOf({ id, phase, disruption, status }: CompiledRule['rule'], state: State): Interruption {
  const isRedirect = disruption.kind === 'redirect';
  return {
    kind: isRedirect || disruption.kind === 'drop' ? disruption.kind : 'deny',
    status: isRedirect && !(status >= 300 && status <= 399) ? 302 : status,
    location: isRedirect ? locationOf(state.variables.expand(disruption.location)) : undefined,
    cause: 'rule',
    ruleId: id,
    phase,
    message: state.matched.at(-1)?.message ?? '',
  };
}

/** What a request put into the location must not begin another header field. */
function locationOf(text: string): string {
  return text.replaceAll(
    /[^\x21-\x7e]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`,
  );
}

/** A request that costs too much is not let through because it costs too much. */
export function overrun(phase: Phase, state: State): void {
  state.interrupt({
    kind: 'deny',
    status: 403,
    location: undefined,
    cause: 'stepBudget',
    ruleId: 0,
    phase,
    message: 'the request needs more steps of inspection than it may have',
  });
}
