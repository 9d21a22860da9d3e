import type { Clock } from '@sallyport/kernel';
import type { Detectors } from '../detect/port.ts';
import type { OperatorRun } from '../operators/operator.ts';
import type { Control, EngineMode, EngineSettings, Phase } from '../seclang/rule.ts';
import type { Interruption, MatchedRule } from './outcome.ts';
import type { CollectionName, PersistentChange, PersistentCollections } from './persistence.ts';
import type { CompiledRule, CompiledSelection, Plan } from './plan.ts';
import type { Policy } from './policy.ts';
import { Variables } from './variables.ts';

/** What all transactions of an engine share. */
export interface EngineContext {
  readonly plan: Plan;
  readonly detectors: Detectors;
  readonly clock: Clock;
  readonly persistence: PersistentCollections;
  readonly stepsMax: number;
  /** Undefined where every rule is run in its turn. */
  readonly policy?: Policy | undefined;
}

/** What is known about one transaction; the evaluator and the actions of rules change it. */
export class State {
  readonly context: EngineContext;
  readonly variables: Variables;
  readonly matched: MatchedRule[] = [];
  readonly removed: Set<CompiledRule> = new Set();
  /** Targets that `ctl` took out of rules, each once. */
  readonly #excluded: { readonly rules: ReadonlySet<CompiledRule>; readonly target: CompiledSelection }[] = [];
  /** Persistent collections by variable name, and what was done to them. */
  readonly persistent: Map<string, { readonly name: CollectionName; readonly changes: PersistentChange[] }> = new Map();
  mode: EngineMode;
  requestBodyAccess: boolean;
  responseBodyAccess: boolean;
  forceRequestBodyVariable = false;
  /** What a rule chose; undefined while the Content-Type decides. */
  bodyProcessor: string | undefined;
  interruption: Interruption | undefined;
  /** The first thing that would have been done if the engine refused. */
  suppressed: Interruption | undefined;
  /** What `allow` skips from now on. */
  allowed: 'nothing' | 'request' | 'transaction' = 'nothing';
  /** Bytes looked at by transformations and operators. */
  steps = 0;
  /** Combinations of traits that this transaction was the first to have. */
  entriesMade = 0;
  /** What operators are given when only their answer is wanted. */
  readonly probe: OperatorRun;
  readonly #captures: string[] = [];
  readonly #capturing: (OperatorRun | undefined)[] = [];
  /** False once something that was folded no longer holds for this transaction. */
  isFolded = true;
  /** False once a rule has done something that what was folded for quiet transactions relies on. */
  isQuiet = true;
  /** Rules of the next phase of which a survey knows that they match a value, by index. */
  hitsOfNext: readonly number[] = NO_HITS;
  /** The phase that ran last; 0 before the first. */
  lastPhase: Phase | 0 = 0;
  /** The rule that runs now. */
  phase: Phase = 1;
  index = 0;

  /** `defaultOf` gives variables their value that nobody has set. */
  constructor(context: EngineContext, defaultOf: (variable: string) => string | undefined = NOTHING_SET) {
    this.context = context;
    this.variables = new Variables(defaultOf);
    this.probe = this.#operatorRun(undefined, 0);
    const { settings } = context.plan.ruleSet;
    this.mode = settings.mode;
    this.requestBodyAccess = settings.requestBodyAccess;
    this.responseBodyAccess = settings.responseBodyAccess;
  }

  get settings(): EngineSettings {
    return this.context.plan.ruleSet.settings;
  }

  /** Ends the exchange, or notes that it would have. */
  interrupt(interruption: Interruption): void {
    if (this.mode === 'On') this.interruption ??= interruption;
    else this.suppressed ??= interruption;
  }

  /** What operators are given that capture, so many groups. What they captured holds until the next one is asked. */
  capturing(groupsMax: number): OperatorRun {
    const known = this.#capturing[groupsMax];
    if (known !== undefined) return known;
    const made = this.#operatorRun(this.#captures, groupsMax);
    this.#capturing[groupsMax] = made;
    return made;
  }

  #operatorRun(captures: string[] | undefined, groupsMax: number): OperatorRun {
    const { variables } = this;
    const { detectors } = this.context;
    return { detectors, expand: (macro) => variables.expand(macro), captures, groupsMax, steps: 0 };
  }

  /** What `ctl` took out of the rule. */
  excludedFrom(rule: CompiledRule): readonly CompiledSelection[] {
    let targets: CompiledSelection[] | undefined;
    for (const { rules, target } of this.#excluded) if (rules.has(rule)) (targets ??= []).push(target);
    return targets ?? NO_SELECTIONS;
  }

  applyControl(control: Control): void {
    const { plan, policy } = this.context;
    if (control.kind === 'remove' || control.kind === 'removeTarget') {
      this.isFolded &&= policy?.isBrokenBy(control, this) !== true;
      this.isQuiet &&= policy?.endsQuiet(control, this) !== true;
    }
    switch (control.kind) {
      case 'remove':
        for (const rule of plan.rulesOf(control)) this.removed.add(rule);
        break;
      case 'removeTarget':
        this.#exclude(plan.rulesOf(control), plan.targetOf(control));
        break;
      case 'engine':
        this.mode = control.value;
        break;
      case 'requestBodyProcessor':
        this.bodyProcessor = this.variables.expand(control.value).toUpperCase();
        this.variables.setScalar('REQBODY_PROCESSOR', this.bodyProcessor);
        break;
      case 'forceRequestBodyVariable':
        this.forceRequestBodyVariable = control.value;
        break;
      case 'requestBodyAccess':
        this.requestBodyAccess = control.value;
        break;
      case 'responseBodyAccess':
        this.responseBodyAccess = control.value;
        break;
      case 'auditEngine':
        // What is recorded is the gateway's to decide; a rule set may say it all the same.
        break;
    }
  }

  /** A rule does it again for each value that it matches: once is enough. */
  #exclude(rules: ReadonlySet<CompiledRule>, target: CompiledSelection): void {
    const isKnown = this.#excluded.some((known) => known.rules === rules && known.target === target);
    if (!isKnown) this.#excluded.push({ rules, target });
  }
}

const NO_SELECTIONS: readonly CompiledSelection[] = [];

const NO_HITS: readonly number[] = [];

const NOTHING_SET = (): undefined => undefined;
