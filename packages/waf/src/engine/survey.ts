import type { PatternSet } from '../operators/pattern.ts';
import type { Phase } from '../seclang/rule.ts';
import { traitsOf } from '../transformations/traits.ts';
import { noMarks, type Value } from './collection.ts';
import { RECENT_TEXT_LENGTH_MAX } from './recent-texts.ts';
import { Standings } from './standings.ts';
import type { State } from './state.ts';
import { type Entry, type Kind, surveyRun, type Use, type VariableSurvey } from './survey-plan.ts';

/**
 * Looks at every value once, for all rules of a phase, and in phase 1 for those of phase 2 as well, where nothing can change
 * what they look at: each is transformed as often as that changes something, and each
 * new text is searched in one pass for everything that some rule looks for in it. Leaves which rules have a value that
 * they match, and marks the values; what follows from that is decided when the rules have their turn, in their order.
 */
export class Survey {
  /** A bit for each rule of the phase. */
  readonly hits: Int32Array;
  readonly #plan: SurveyPlan;
  readonly #variables: readonly VariableSurvey[];
  readonly #patterns: PatternSet;
  readonly #noMarks: readonly number[];
  readonly #run: ReturnType<typeof surveyRun>;
  readonly #standings = new Standings();
  #value: Value | undefined;
  /** What the current value hits, while `#isNoting`. */
  readonly #noted: Use[] = [];
  #isNoting = false;
  /** What rules of the next phase hit in the transaction that is looked at, by index. */
  #later: number[] = [];

  constructor(plan: SurveyPlan) {
    this.#plan = plan;
    this.hits = new Int32Array(Math.ceil(plan.phaseRulesCount / 32));
    this.#variables = plan.variables;
    this.#patterns = plan.patterns;
    this.#noMarks = noMarks(plan.rulesCount);
    this.#run = surveyRun(plan.detectors);
  }

  /** Surveys everything that is there; stops early when the steps of the transaction are used up. */
  look(state: State): void {
    this.#begin(state);
    for (const survey of this.#variables) {
      const { all } = state.variables.of(survey.variable);
      for (const value of all) {
        this.#lookAt(value, survey.kindOf(value), state);
        if (state.steps > state.context.stepsMax) return;
      }
    }
  }

  /** Another one of the same plan: for a look with pauses, in which this one is used for others. */
  another(): Survey {
    return new Survey(this.#plan);
  }

  /** As `look`, with pauses in whatever takes long. */
  *lookInParts(state: State): Generator<undefined, undefined> {
    this.#begin(state);
    for (const survey of this.#variables) {
      const { all } = state.variables.of(survey.variable);
      for (const value of all) {
        const kind = survey.kindOf(value);
        if (value.text.length < LONG_LENGTH_MIN || kind.uses.length === 0) this.#lookAt(value, kind, state);
        else {
          this.#value = value;
          this.#standings.clear();
          this.#standings.add(value.text).add(kind.root);
          yield* this.#followInParts(0, state);
        }
        if (state.steps > state.context.stepsMax) return;
        yield;
      }
    }
  }

  /** What was hit in the phase before is hit in this one, and no value is looked at for it once more. */
  #begin(state: State): void {
    this.hits.fill(0);
    // Only phase 1 looks ahead, and where `allow` has taken phase 2 out nobody asks what was found for it.
    if (this.#plan.phase === 2) for (const index of state.hitsOfNext) this.#setHit(index);
    this.#later = [];
    state.hitsOfNext = this.#later;
  }

  #setHit(index: number): void {
    this.hits[index >>> 5] = (this.hits[index >>> 5] ?? 0) | (1 << (index & 31));
  }

  /** As `#follow`. */
  *#followInParts(index: number, state: State): Generator<undefined, undefined> {
    const standings = this.#standings;
    const here = standings.at(index);
    const { text } = here;
    const traits = traitsOf(this.#patterns.set.bytesOf(text), text.length);
    const frame = standings.begin(index);
    for (let at = 0; at < here.placesCount; at += 1) {
      const entry = here.places[at]?.entryFor(traits, state);
      if (entry === undefined) continue;
      state.steps += (text.length + 1) * (entry.moves.length + 1);
      yield* this.#searchInParts(text, entry, state);
      for (const { apply, to, lengthMin } of entry.moves) {
        if (text.length < lengthMin) continue;
        standings.changed(frame, apply).add(to);
        yield;
      }
      if (state.steps > state.context.stepsMax) return;
    }
    const end = standings.count;
    for (let at = frame.first; at < end; at += 1) {
      yield* this.#followInParts(at, state);
      if (state.steps > state.context.stepsMax) return;
    }
    standings.end(frame);
  }

  /** As `#search`. */
  *#searchInParts(text: string, entry: Entry, state: State): Generator<undefined, undefined> {
    const { set } = this.#patterns;
    const run = this.#run;
    if (entry.subset !== undefined) {
      const found = yield* counted(set.matchBytesInParts(text, entry.subset), state, () => set.steps);
      this.#hitFound(found, entry, text);
    }
    for (const use of entry.direct) {
      const { operator, rule } = use;
      state.steps += text.length + 1;
      let isFound: boolean;
      if (operator.inParts !== undefined) {
        isFound = yield* counted(operator.inParts(text, run), state, () => run.steps);
      } else {
        isFound = operator(text, run);
        state.steps += run.steps;
      }
      if (isFound !== rule.isNegated) this.#hit(use, text);
      run.steps = 0;
    }
  }

  #lookAt(value: Value, kind: Kind, state: State): void {
    if (kind.uses.length === 0) return;
    this.#value = value;
    if (kind.remembers && value.text.length <= RECENT_TEXT_LENGTH_MAX) {
      const known = kind.known.recall(value.text);
      if (known !== undefined) {
        state.steps += value.text.length + 1;
        for (const use of known) this.#hit(use);
        return;
      }
      this.#noted.length = 0;
      this.#isNoting = true;
      this.#lookClosely(value, kind, state);
      this.#isNoting = false;
      // A look that was broken off for want of steps has not seen everything.
      if (state.steps <= state.context.stepsMax)
        kind.known.remember(value.text, this.#noted.length === 0 ? NONE : this.#noted.slice());
      return;
    }
    this.#lookClosely(value, kind, state);
  }

  #lookClosely(value: Value, kind: Kind, state: State): void {
    const { set } = this.#patterns;
    const before = set.steps;
    this.#standings.clear();
    this.#standings.add(value.text).add(kind.root);
    this.#follow(0, state);
    this.#standings.clear();
    state.steps += set.steps - before + this.#run.steps;
    this.#run.steps = 0;
  }

  /** Looks at a text for every place at which it stands; chains that do not change it add places. */
  #follow(index: number, state: State): void {
    const standings = this.#standings;
    const here = standings.at(index);
    const { text } = here;
    const traits = traitsOf(this.#patterns.set.bytesOf(text), text.length);
    const frame = standings.begin(index);
    for (let at = 0; at < here.placesCount; at += 1) {
      const entry = here.places[at]?.entryFor(traits, state);
      if (entry === undefined) continue;
      state.steps += (text.length + 1) * (entry.moves.length + 1);
      this.#search(text, entry, state);
      for (const { apply, to, lengthMin } of entry.moves) {
        if (text.length >= lengthMin) standings.changed(frame, apply).add(to);
      }
      if (state.steps > state.context.stepsMax) return;
    }
    const end = standings.count;
    for (let at = frame.first; at < end && state.steps <= state.context.stepsMax; at += 1) this.#follow(at, state);
    standings.end(frame);
  }

  #search(text: string, entry: Entry, state: State): void {
    if (entry.subset !== undefined) {
      this.#hitFound(this.#patterns.set.matchBytes(text, entry.subset), entry, text);
    }
    for (const use of entry.direct) {
      const { operator, rule } = use;
      state.steps += text.length + 1;
      if (operator(text, this.#run) !== rule.isNegated) this.#hit(use, text);
    }
  }

  #hitFound(found: readonly number[], entry: Entry, text: string): void {
    for (const member of found) this.#hitAll(entry.byMember.get(member) ?? [], text);
    for (const use of entry.negated) if (!found.includes(use.member ?? -1)) this.#hit(use, text);
  }

  #hitAll(uses: readonly Use[], text: string): void {
    for (const use of uses) if (!use.rule.isNegated) this.#hit(use, text);
  }

  /** `text` is what the chain made of the value: the rule that runs for it need not make it again. */
  #hit(use: Use, text?: string): void {
    const { rule, index, node, phase } = use;
    if (this.#isNoting) this.#noted.push(use);
    if (phase === this.#plan.phase) this.#setHit(index);
    else this.#later.push(index);
    this.#value?.mark(rule.number, this.#noMarks);
    if (text !== undefined && node !== undefined) this.#value?.derive(node.number, text);
  }
}

/** The same parts; what each of them has spent is counted, and not what others spend in the pauses. */
function* counted<Result>(
  parts: Generator<undefined, Result>,
  state: State,
  spent: () => number,
): Generator<undefined, Result> {
  for (;;) {
    const before = spent();
    const part = parts.next();
    state.steps += spent() - before;
    if (part.done === true) return part.value;
    yield;
  }
}

/** Bytes of a value in which it is worth to pause: one that is shorter takes less than a slice. */
const LONG_LENGTH_MIN = 32_768;

const NONE: readonly Use[] = [];

export interface SurveyPlan {
  readonly phase: Phase;
  /** Rules of the phase, and of all phases. */
  readonly phaseRulesCount: number;
  readonly rulesCount: number;
  readonly variables: readonly VariableSurvey[];
  readonly patterns: PatternSet;
  readonly detectors: State['context']['detectors'];
}
