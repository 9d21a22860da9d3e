import type { Detectors } from '../detect/port.ts';
import type { Control, Phase } from '../seclang/rule.ts';
import type { Value } from './collection.ts';
import { type CopiedNames, copiedNames } from './copied-names.ts';
import { type FoldedPhase, type FoldedStep, foldPhase, type Noted } from './fold.ts';
import { Known } from './known.ts';
import type { MatchedRule } from './outcome.ts';
import type { CompiledRule, Plan } from './plan.ts';
import { type Disturbance, disturbanceOf, foldQuietPlan, type QuietPlan } from './quiet.ts';
import { Survey } from './survey.ts';
import { type SurveyedRule, surveyedOperator, VariableSurvey } from './survey-plan.ts';

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
  const rules = phases.flatMap((phase) => surveyedRules(folded[phase], phase));
  return new Set(rules.flatMap(({ rule }) => rule.pattern ?? []));
}

/** What remains to be done in a phase. */
export interface PolicyPhase {
  readonly rulesCount: number;
  readonly survey: Survey;
  /** For transactions of which what was folded for every request holds. */
  readonly general: PolicySteps;
  /** For those that are quiet as well, see `QuietPlan`. The same rules stand at the same places. */
  readonly quiet: PolicySteps;
}

export interface PolicySteps {
  /** By index of a rule; undefined where nothing is to be done, or a block before it has done it. */
  readonly steps: readonly (PolicyStep | undefined)[];
  /** A bit for each step that runs whatever the survey says. */
  readonly always: Int32Array;
}

export type PolicyStep =
  | {
      readonly kind: 'rule';
      readonly index: number;
      readonly rule: CompiledRule;
      readonly isSurveyed: boolean;
      readonly disturbance: Disturbance;
      /** Undefined for a rule of another form. */
      readonly copies: CopiedNames | undefined;
    }
  | {
      readonly kind: 'block';
      readonly next: number;
      readonly matched: readonly MatchedRule[];
      readonly writes: ReadonlyMap<string, readonly Value[]>;
      readonly noted: Noted | undefined;
    };

/** A control that takes rules out, or targets out of rules. */
type Removal = Extract<Control, { kind: 'remove' | 'removeTarget' }>;

/** A rule set folded and ready to run in this thread. */
export class Policy {
  readonly phases: Readonly<Record<Phase, PolicyPhase>>;
  readonly #plan: Plan;
  readonly #folded: FoldedPlan;
  readonly #quiet: QuietPlan;
  readonly #touched = new Map<Control, { readonly general: readonly Place[]; readonly quiet: readonly Place[] }>();

  constructor(plan: Plan, folded: FoldedPlan, detectors: Detectors) {
    this.#plan = plan;
    this.#folded = folded;
    this.#quiet = foldQuietPlan(plan);
    const quiet = this.#quiet;
    const folds = { plan, folded, quiet, copies: copiesIn(plan, folded, quiet) };
    const phase = (number: Phase): PolicyPhase => policyPhase(folds, number, detectors);
    this.phases = { 1: phase(1), 2: phase(2), 3: phase(3), 4: phase(4), 5: phase(5) };
  }

  /** True when a control takes out, or changes, a rule whose outcome was folded and whose turn is still to come. */
  isBrokenBy(control: Removal, at: Place): boolean {
    return this.#touchedBy(control).general.some((place) => isBehind(place, at));
  }

  /** As `isBrokenBy`, for what was folded for quiet transactions. */
  endsQuiet(control: Removal, at: Place): boolean {
    return this.#touchedBy(control).quiet.some((place) => isBehind(place, at));
  }

  #touchedBy(control: Removal): { readonly general: readonly Place[]; readonly quiet: readonly Place[] } {
    const known = this.#touched.get(control) ?? {
      general: this.#placesOf(control, this.#folded),
      quiet: this.#placesOf(control, this.#quiet.phases),
    };
    this.#touched.set(control, known);
    return known;
  }

  /** Where the rules stand that were folded and that the control changes. */
  #placesOf(control: Removal, phases: FoldedPlan): readonly Place[] {
    const named = this.#plan.rulesOf(control);
    const isTouched = ({ targets }: CompiledRule): boolean =>
      control.kind === 'remove' || targets.some(({ variable }) => variable === control.target.variable);
    const places: Place[] = [];
    for (const phase of PHASES) {
      const { steps, dropped } = phases[phase];
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

function isBehind({ phase, index }: Place, at: Place): boolean {
  return phase > at.phase || (phase === at.phase && index > at.index);
}

const PHASES: readonly Phase[] = [1, 2, 3, 4, 5];

interface Folds {
  readonly plan: Plan;
  readonly folded: FoldedPlan;
  readonly quiet: QuietPlan;
  readonly copies: ReadonlyMap<CompiledRule, CopiedNames>;
}

function policyPhase(folds: Folds, phase: Phase, detectors: Detectors): PolicyPhase {
  const { plan, folded, quiet, copies } = folds;
  const surveyed = surveyedIn(folds, phase);
  const rulesCount = plan.programs[phase].rules.length;
  const indices = new Set(surveyed.map(({ index }) => index));
  const stepFor = (step: FoldedStep): PolicyStep => {
    if (step.kind === 'block') return policyBlock(step);
    const { index, rule } = step;
    const disturbance = disturbanceOf(rule, quiet.relied);
    return { kind: 'rule', index, rule, isSurveyed: indices.has(index), disturbance, copies: copies.get(rule) };
  };
  return {
    rulesCount,
    survey: surveyOf(folds, phase, detectors),
    general: policySteps(folded[phase], stepFor, rulesCount),
    quiet: policySteps(quiet.phases[phase], stepFor, rulesCount),
  };
}

/** Rules of names, which need no survey. One that ends the quiet with its head is not among them. */
function copiesIn(plan: Plan, folded: FoldedPlan, { relied }: QuietPlan): ReadonlyMap<CompiledRule, CopiedNames> {
  const found = new Map<CompiledRule, CopiedNames>();
  for (const step of PHASES.flatMap((phase) => folded[phase].steps)) {
    if (step.kind !== 'rule' || disturbanceOf(step.rule, relied) === 'head') continue;
    const copies = copiedNames(step.rule, plan);
    if (copies !== undefined) found.set(step.rule, copies);
  }
  return found;
}

function surveyedIn({ folded, copies }: Folds, phase: Phase): readonly SurveyedRule[] {
  return surveyedRules(folded[phase], phase).filter(({ rule }) => !copies.has(rule));
}

function surveyOf(folds: Folds, phase: Phase, detectors: Detectors): Survey {
  const { plan } = folds;
  const patterns = plan.patterns.group(phase <= 2 ? 'request' : 'response');
  const own = surveyedIn(folds, phase);
  const next = phase === 1 ? surveyedIn(folds, 2) : [];
  const rulesOf = (variable: string): readonly SurveyedRule[] => {
    // What the head of a request brings is looked at once for both phases.
    const all = OF_HEAD.has(variable) ? (phase === 2 ? [] : [...own, ...next]) : own;
    return all.filter(({ rule }) => rule.targets.some((target) => target.variable === variable));
  };
  const names = new Set([...own, ...next].flatMap(({ rule }) => rule.targets.map(({ variable }) => variable)));
  const variables = [...names]
    .map((variable) => ({ variable, rules: rulesOf(variable) }))
    .filter(({ rules }) => rules.length > 0)
    .map(({ variable, rules }) => new VariableSurvey(variable, rules, patterns));
  const phaseRulesCount = plan.programs[phase].rules.length;
  return new Survey({ phase, phaseRulesCount, rulesCount: plan.rulesCount, variables, patterns, detectors });
}

/** Variables that are what they will be when phase 1 begins: phase 2 runs behind it, and nothing changes them. */
const OF_HEAD: ReadonlySet<string> = new Set([
  'ARGS_GET',
  'ARGS_GET_NAMES',
  'QUERY_STRING',
  'REMOTE_ADDR',
  'REQUEST_BASENAME',
  'REQUEST_COOKIES',
  'REQUEST_COOKIES_NAMES',
  'REQUEST_FILENAME',
  'REQUEST_HEADERS',
  'REQUEST_HEADERS_NAMES',
  'REQUEST_LINE',
  'REQUEST_METHOD',
  'REQUEST_PROTOCOL',
  'REQUEST_URI',
  'REQUEST_URI_RAW',
]);

/** The rules whose heads are looked at when the phase begins. */
function surveyedRules({ steps }: FoldedPhase, phase: Phase): readonly SurveyedRule[] {
  return steps.flatMap((step) => {
    const operator = step.kind === 'rule' ? surveyedOperator(step.rule, step.operator) : undefined;
    return step.kind === 'rule' && operator !== undefined
      ? { rule: step.rule, index: step.index, operator, phase }
      : [];
  });
}

function policySteps(folded: FoldedPhase, stepFor: (step: FoldedStep) => PolicyStep, rulesCount: number): PolicySteps {
  const steps: (PolicyStep | undefined)[] = Array.from({ length: rulesCount });
  const always = new Int32Array(Math.ceil(rulesCount / 32));
  for (const one of folded.steps) {
    const { index } = one;
    const step = stepFor(one);
    steps[index] = step;
    if (step.kind === 'rule' && step.isSurveyed) continue;
    always[index >>> 5] = (always[index >>> 5] ?? 0) | (1 << (index & 31));
  }
  return { steps, always };
}

function policyBlock({ matched, noted, next, writes }: Extract<FoldedStep, { kind: 'block' }>): PolicyStep {
  return { kind: 'block', matched, noted, next, writes: new Map([...writes].map(([key, value]) => [key, [value]])) };
}
