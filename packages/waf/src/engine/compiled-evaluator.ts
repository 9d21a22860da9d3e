import type { Phase } from '../seclang/rule.ts';
import {
  flow,
  isAllowed,
  isHeadMatch,
  isOver,
  overrun,
  runPhase,
  runRule,
  runRuleAt,
  runRulesFrom,
} from './evaluator.ts';
import type { Policy, PolicyPhase, PolicyStep, PolicySteps } from './policy.ts';
import { staysQuiet } from './quiet.ts';
import type { State } from './state.ts';

/**
 * Runs one phase as `runPhase` does, with the same outcome: what a policy decides in advance is decided, values are
 * surveyed once for all rules, and only rules that match something, or that must be asked in their turn, are run. A
 * transaction of which that no longer holds goes on rule by rule.
 */
export function runCompiledPhase(policy: Policy, phase: Phase, state: State): void {
  if (!canBegin(phase, state)) return;
  if (!state.isFolded) {
    runPhase(phase, state);
    return;
  }
  const own = policy.phases[phase];
  own.survey.look(state);
  if (isOverrun(phase, state)) return;
  const turn: Turn = { own, hits: own.survey.hits, phase, state };
  for (let at = firstStep(turn); at < own.rulesCount; ) at = runStep(turn, at);
  if (turn.rest !== undefined) runRulesFrom(turn.rest, phase, state);
}

/**
 * As `runCompiledPhase`, with pauses in whatever takes long. A transaction may be given up in a pause: what was folded then
 * holds no longer for its later phases.
 */
export function* runPhaseInParts(policy: Policy, phase: Phase, state: State): Generator<undefined, undefined> {
  const parts = phaseParts(policy, phase, state);
  while (parts.next().done !== true) {
    const wasFolded = state.isFolded;
    state.isFolded = false;
    yield;
    state.isFolded = wasFolded;
  }
}

function* phaseParts(policy: Policy, phase: Phase, state: State): Generator<undefined, undefined> {
  if (!canBegin(phase, state)) return;
  let rest: number | undefined = 0;
  if (state.isFolded) {
    const own = policy.phases[phase];
    const survey = own.survey.another();
    yield* survey.lookInParts(state);
    if (isOverrun(phase, state)) return;
    const turn: Turn = { own, hits: survey.hits, phase, state };
    for (let at = firstStep(turn); at < own.rulesCount; ) {
      at = runStep(turn, at);
      yield;
    }
    rest = turn.rest;
  }
  for (let index = rest ?? -1; index >= 0; ) {
    index = runRuleAt(index, phase, state);
    yield;
  }
}

/** False when the phase has nothing to do. Says whether what was folded holds in it. */
function canBegin(phase: Phase, state: State): boolean {
  if (isOver(phase, state)) return false;
  if (isAllowed(phase, state)) {
    state.lastPhase = phase;
    return false;
  }
  // What was folded holds behind the phases that it was folded for.
  state.isFolded &&= phase === 1 ? state.lastPhase === 0 : phase === 2 ? state.lastPhase === 1 : state.lastPhase >= 1;
  state.isFolded &&= state.lastPhase < phase;
  state.isQuiet &&= state.isFolded && staysQuiet(phase, state.lastPhase);
  state.lastPhase = phase;
  return true;
}

function isOverrun(phase: Phase, state: State): boolean {
  if (state.steps <= state.context.stepsMax) return false;
  state.isFolded = false;
  overrun(phase, state);
  return true;
}

/** A phase whose values were surveyed. */
interface Turn {
  readonly own: PolicyPhase;
  readonly hits: Int32Array;
  readonly phase: Phase;
  readonly state: State;
  /** Set when what was folded holds no longer: the index of the rule from which it goes on rule by rule. */
  rest?: number;
}

function firstStep(turn: Turn): number {
  turn.state.phase = turn.phase;
  return nextStep(turn.hits, stepsOf(turn).always, 0);
}

/** Both lists have the same rules at the same places, so a transaction may go from one to the other behind any of them. */
function stepsOf({ own, state }: Turn): PolicySteps {
  return state.isQuiet ? own.quiet : own.general;
}

/** Runs one step. Returns the next one that has something to do; the number of rules or more where the phase is over. */
function runStep(turn: Turn, at: number): number {
  const { own, hits, phase, state } = turn;
  const { steps, always } = stepsOf(turn);
  const step = steps[at];
  if (step === undefined) return nextStep(hits, always, at + 1);
  if (step.kind === 'block') {
    runBlock(step, state);
    return nextStep(hits, always, step.next);
  }
  state.index = step.index;
  let next: number | undefined = step.index + 1;
  if (!state.removed.has(step.rule) && isMatch(step, state)) {
    next = flow(step.rule, state, step.index, state.context.plan.programs[phase]);
    if (next === undefined) return own.rulesCount;
  }
  if (isOverrun(phase, state) || isOver(phase, state)) return own.rulesCount;
  if (!state.isFolded) {
    turn.rest = next;
    return own.rulesCount;
  }
  return nextStep(hits, stepsOf(turn).always, next);
}

function isMatch(step: Extract<PolicyStep, { kind: 'rule' }>, state: State): boolean {
  const { rule, isSurveyed, disturbance, copies } = step;
  if (copies?.pass(state) === true) return false;
  if (!isSurveyed) {
    // Its operators may look at what the rule itself is about.
    state.variables.beginRule(rule.rule);
    if (!rule.rule.actions.isMultiMatch && !isHeadMatch(rule, state)) return false;
  }
  if (disturbance === 'head') state.isQuiet = false;
  const isFound = runRule(rule, state, isSurveyed ? 'surveyed' : undefined);
  if (isFound && disturbance === 'match') state.isQuiet = false;
  return isFound;
}

/** Rules that match for every request: what they leave behind is known. */
function runBlock({ matched, writes, noted }: Extract<PolicyStep, { kind: 'block' }>, state: State): void {
  for (const rule of matched) state.matched.push(rule);
  if (writes.size > 0) state.variables.tx.borrow(writes);
  if (noted === undefined) return;
  state.variables.setScalar('MATCHED_VAR', noted.text);
  state.variables.setScalar('MATCHED_VAR_NAME', noted.name);
}

/** The first step at or behind `from` that may have something to do. */
function nextStep(hits: Int32Array, always: Int32Array, from: number): number {
  let word = from >>> 5;
  let bits = ((hits[word] ?? 0) | (always[word] ?? 0)) & (-1 << (from & 31));
  while (bits === 0) {
    word += 1;
    if (word >= hits.length) return hits.length * 32;
    bits = (hits[word] ?? 0) | (always[word] ?? 0);
  }
  return word * 32 + 31 - Math.clz32(bits & -bits);
}
