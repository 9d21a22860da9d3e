import type { Detectors } from '../detect/port.ts';
import type { Control, Phase } from '../seclang/rule.ts';
import type { Value } from './collection.ts';
import { type FoldedPhase, type FoldedStep, foldPhase, type Noted } from './fold.ts';
import { Known } from './known.ts';
import type { MatchedRule } from './outcome.ts';
import type { CompiledRule, Plan } from './plan.ts';
import { Survey } from './survey.ts';
import { isSurveyable, type SurveyedRule, VariableSurvey } from './survey-plan.ts';

/** A rule set folded: what can be decided for every request is. The same in every thread, and needs no pattern. */
export type FoldedPlan = Readonly<Record<Phase, FoldedPhase>>;

/**
 * Folds all phases. A phase may begin where any earlier one has ended: `allow` and refusals leave some out. The second
 * one runs behind the first one only; see `isFoldedFor`.
 */
export function foldPlan(plan: Plan): FoldedPlan {
  const { programs } = plan;
  const first = foldPhase(plan, programs[1], Known.nothingSet());
  const second = foldPhase(plan, programs[2], first.exit);
  const requestEnd = first.exit.join(second.exit);
  const third = foldPhase(plan, programs[3], requestEnd);
  const headersEnd = requestEnd.join(third.exit);
  const fourth = foldPhase(plan, programs[4], headersEnd);
  const fifth = foldPhase(plan, programs[5], headersEnd.join(fourth.exit));
  return { 1: first, 2: second, 3: third, 4: fourth, 5: fifth };
}

/** The patterns that rules of these phases look for in values, in one pass. */
export function surveyedPatterns(folded: FoldedPlan, phases: readonly Phase[]): ReadonlySet<number> {
  const rules = phases.flatMap((phase) =>
    folded[phase].steps.flatMap((step) => (step.kind === 'rule' ? step.rule : [])),
  );
  return new Set(rules.filter(isSurveyable).flatMap(({ pattern }) => pattern ?? []));
}

/** What remains to be done in a phase. */
export interface PolicyPhase {
  readonly steps: readonly PolicyStep[];
  /** A bit for each step that runs whatever the survey says. */
  readonly always: Int32Array;
  /** By index of a rule, the first step at or behind it. */
  readonly stepAt: Int32Array;
  readonly survey: Survey;
}

export type PolicyStep =
  | { readonly kind: 'rule'; readonly index: number; readonly rule: CompiledRule; readonly isSurveyed: boolean }
  | {
      readonly kind: 'block';
      readonly next: number;
      readonly matched: readonly MatchedRule[];
      readonly writes: ReadonlyMap<string, readonly Value[]>;
      readonly noted: Noted | undefined;
    };

/** A rule set folded and ready to run in this thread. */
export class Policy {
  readonly phases: Readonly<Record<Phase, PolicyPhase>>;
  readonly #plan: Plan;
  readonly #folded: FoldedPlan;
  readonly #touched = new Map<Control, readonly Place[]>();

  constructor(plan: Plan, folded: FoldedPlan, detectors: Detectors) {
    this.#plan = plan;
    this.#folded = folded;
    const phase = (number: Phase): PolicyPhase => policyPhase(plan, folded[number], number, detectors);
    this.phases = { 1: phase(1), 2: phase(2), 3: phase(3), 4: phase(4), 5: phase(5) };
  }

  /** True when a control takes out, or changes, a rule whose outcome was folded and whose turn is still to come. */
  isBrokenBy(control: Extract<Control, { kind: 'remove' | 'removeTarget' }>, at: Place): boolean {
    const known = this.#touched.get(control) ?? this.#touchedBy(control);
    this.#touched.set(control, known);
    return known.some(({ phase, index }) => phase > at.phase || (phase === at.phase && index > at.index));
  }

  #touchedBy(control: Extract<Control, { kind: 'remove' | 'removeTarget' }>): readonly Place[] {
    const named = this.#plan.rulesOf(control);
    const isTouched = ({ targets }: CompiledRule): boolean =>
      control.kind === 'remove' || targets.some(({ variable }) => variable === control.target.variable);
    const places: Place[] = [];
    for (const phase of PHASES) {
      const { steps, dropped } = this.#folded[phase];
      const folded = steps.flatMap((step) => (step.kind === 'block' ? step.rules : []));
      // A rule that never matches may be taken out; without one of its targets it might match.
      if (control.kind === 'removeTarget') folded.push(...dropped);
      for (const rule of folded) {
        const links = [rule, ...rule.links];
        if (named.has(rule) && links.some(isTouched))
          places.push({ phase, index: this.#plan.programs[phase].rules.indexOf(rule) });
      }
    }
    return places;
  }
}

export interface Place {
  readonly phase: Phase;
  readonly index: number;
}

const PHASES: readonly Phase[] = [1, 2, 3, 4, 5];

function policyPhase(plan: Plan, { steps }: FoldedPhase, phase: Phase, detectors: Detectors): PolicyPhase {
  const own = steps.map(policyStep);
  const always = new Int32Array(Math.ceil(own.length / 32));
  const surveyed: SurveyedRule[] = [];
  for (const [step, one] of own.entries()) {
    if (one.kind === 'rule' && one.isSurveyed) surveyed.push({ rule: one.rule, step });
    else always[step >>> 5] = (always[step >>> 5] ?? 0) | (1 << (step & 31));
  }
  const patterns = plan.patterns.group(phase <= 2 ? 'request' : 'response');
  const names = new Set(surveyed.flatMap(({ rule }) => rule.targets.map(({ variable }) => variable)));
  const variables = [...names].map((variable) => {
    const rules = surveyed.filter(({ rule }) => rule.targets.some((target) => target.variable === variable));
    return new VariableSurvey(variable, rules, patterns);
  });
  const { rulesCount } = plan;
  const survey = new Survey({ stepsCount: own.length, rulesCount, variables, patterns, detectors });
  return { steps: own, always, stepAt: stepsAt(steps, plan.programs[phase].rules.length), survey };
}

function policyStep(step: FoldedStep): PolicyStep {
  if (step.kind === 'rule') return { ...step, isSurveyed: isSurveyable(step.rule) };
  const { matched, noted, next } = step;
  return {
    kind: 'block',
    matched,
    noted,
    next,
    writes: new Map([...step.writes].map(([key, value]) => [key, [value]])),
  };
}

function stepsAt(steps: readonly FoldedStep[], rulesCount: number): Int32Array {
  const at = new Int32Array(rulesCount + 1).fill(steps.length);
  let from = 0;
  for (const [step, { index }] of steps.entries()) {
    at.fill(step, from, index + 1);
    from = index + 1;
  }
  return at;
}
