import type { Phase } from '../seclang/rule.ts';
import { flow, isAllowed, isHeadMatch, isOver, overrun, runPhase, runRule, runRulesFrom } from './evaluator.ts';
import type { Policy, PolicyPhase, PolicyStep } from './policy.ts';
import type { State } from './state.ts';

/**
 * Runs one phase as `runPhase` does, with the same outcome: what a policy decides in advance is decided, values are
 * surveyed once for all rules, and only rules that match something, or that must be asked in their turn, are run. A
 * transaction of which that no longer holds goes on rule by rule.
 */
export function runCompiledPhase(policy: Policy, phase: Phase, state: State): void {
  if (isOver(phase, state)) return;
  if (isAllowed(phase, state)) {
    state.lastPhase = phase;
    return;
  }
  // What was folded holds behind the phases that it was folded for.
  state.isFolded &&= phase === 1 ? state.lastPhase === 0 : phase === 2 ? state.lastPhase === 1 : state.lastPhase >= 1;
  state.isFolded &&= state.lastPhase < phase;
  state.lastPhase = phase;
  if (!state.isFolded) {
    runPhase(phase, state);
    return;
  }
  const own = policy.phases[phase];
  const { survey } = own;
  survey.look(state);
  if (state.steps > state.context.stepsMax) {
    state.isFolded = false;
    overrun(phase, state);
    return;
  }
  runSteps(own, survey.hits, phase, state);
}

function runSteps({ steps, always, stepAt }: PolicyPhase, hits: Int32Array, phase: Phase, state: State): void {
  const program = state.context.plan.programs[phase];
  state.phase = phase;
  for (let at = nextStep(hits, always, 0); at < steps.length; ) {
    const step = steps[at];
    if (step === undefined) return;
    if (step.kind === 'block') {
      runBlock(step, state);
      at = nextStep(hits, always, stepAt[step.next] ?? steps.length);
      continue;
    }
    state.index = step.index;
    let next: number | undefined = step.index + 1;
    if (!state.removed.has(step.rule) && isMatch(step, state)) {
      next = flow(step.rule, state, step.index, program);
      if (next === undefined) return;
    }
    if (state.steps > state.context.stepsMax) {
      state.isFolded = false;
      overrun(phase, state);
      return;
    }
    if (isOver(phase, state)) return;
    if (!state.isFolded) {
      runRulesFrom(next, phase, state);
      return;
    }
    at = nextStep(hits, always, stepAt[next] ?? steps.length);
  }
}

function isMatch({ rule, isSurveyed }: Extract<PolicyStep, { kind: 'rule' }>, state: State): boolean {
  if (isSurveyed) return runRule(rule, state, 'surveyed');
  // Its operators may look at what the rule itself is about.
  state.variables.beginRule(rule.rule);
  return (rule.rule.actions.isMultiMatch || isHeadMatch(rule, state)) && runRule(rule, state);
}

/** Rules that match for every request: what they leave behind is known. */
function runBlock({ matched, writes, noted }: Extract<PolicyStep, { kind: 'block' }>, state: State): void {
  for (const rule of matched) state.matched.push(rule);
  if (writes.size > 0) state.variables.tx.borrow(writes);
  if (noted === undefined) return;
  state.variables.setScalar('MATCHED_VAR', noted.text);
  state.variables.setScalar('MATCHED_VAR_NAME', noted.name);
}

/** The first step at or behind `from` that has something to do. */
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
