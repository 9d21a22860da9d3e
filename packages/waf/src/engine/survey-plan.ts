import type { Subset } from '@sallyport/regex';
import type { Operator, OperatorRun } from '../operators/operator.ts';
import type { PatternSet } from '../operators/pattern.ts';
import type { Phase } from '../seclang/rule.ts';
import { mayLengthen, traitsNeeded } from '../transformations/traits.ts';
import type { Value } from './collection.ts';
import type { ChainStep, CompiledRule, CompiledTarget } from './plan.ts';
import { RecentTexts } from './recent-texts.ts';

/** The head of a rule that can be decided before its turn: what it looks at does not change while its phase runs. */
export interface SurveyedRule {
  readonly rule: CompiledRule;
  /** Where it stands among the rules of its phase. */
  readonly index: number;
  readonly phase: Phase;
  /** Its own, or what that is for every request. */
  readonly operator: Operator;
}

/** What a text can hit. */
export interface Use extends SurveyedRule {
  /** The member of the pattern set; undefined when the operator looks in another way. */
  readonly member: number | undefined;
  /** Where in the chain of transformations the operator looks; undefined for the value as it came. */
  readonly node: ChainStep | undefined;
}

/**
 * The operator by which the head can be surveyed: it looks at values (not at counts) of variables that no action changes,
 * and its argument is constant, or is known to be `folded` for every request. Undefined when it can not be.
 */
export function surveyedOperator(
  { rule, targets, operator, looksAtChanging }: CompiledRule,
  folded: Operator | undefined,
): Operator | undefined {
  if (looksAtChanging || targets.some(({ isCount }) => isCount)) return undefined;
  return rule.operator?.argument.includes('%{') === true ? folded : operator;
}

/** What is looked for in the values of one variable: by name, where rules name some. */
export class VariableSurvey {
  readonly variable: string;
  readonly #byKey = new Map<string, Kind>();
  /** A bit for each length of a key in `#byKey`, modulo 32: most names need not be compared. */
  #lengths = 0;
  readonly #other: Kind;

  constructor(variable: string, rules: readonly SurveyedRule[], patterns: PatternSet) {
    this.variable = variable;
    const kinds = new Map<string, Kind>();
    const kindFor = (key: string | undefined): Kind => {
      const remembers = isOfNames(variable) || (variable === 'REQUEST_HEADERS' && PUBLIC_HEADERS.has(key ?? ''));
      const wanted = rules.filter(({ rule }) => rule.targets.some((target) => mayCover(target, variable, key)));
      const name = `${remembers} ${wanted.map(({ rule }) => rule.number).join()}`;
      const kind = kinds.get(name) ?? new Kind(wanted, { patterns, remembers });
      kinds.set(name, kind);
      return kind;
    };
    const own = rules.flatMap(({ rule }) => rule.targets).filter((target) => target.variable === variable);
    const keys = new Set(own.flatMap((target) => [target, ...target.exclusions]).flatMap(({ key }) => key ?? []));
    if (variable === 'REQUEST_HEADERS') for (const key of PUBLIC_HEADERS) keys.add(key);
    for (const key of keys) {
      this.#byKey.set(key, kindFor(key));
      this.#lengths |= 1 << (key.length & 31);
    }
    this.#other = kindFor(undefined);
  }

  kindOf(value: Value): Kind {
    if (((this.#lengths >>> (value.key.length & 31)) & 1) === 0) return this.#other;
    return this.#byKey.get(value.name) ?? this.#other;
  }

  /** The kinds of all names. */
  get kinds(): ReadonlySet<Kind> {
    return new Set([...this.#byKey.values(), this.#other]);
  }
}

/**
 * Names, and what browsers say about themselves, are the same in one request after another, so what was found in them
 * is remembered for the next one. Nothing else is: values of other fields may be secrets, and a secret must not outlive
 * its request.
 */
const NAMES: ReadonlySet<string> = new Set([
  'ARGS_GET_NAMES',
  'ARGS_NAMES',
  'ARGS_POST_NAMES',
  'REQUEST_COOKIES_NAMES',
  'REQUEST_HEADERS_NAMES',
  'REQUEST_METHOD',
  'REQUEST_PROTOCOL',
]);

/** True for a variable whose values may be remembered from one request to the next. */
export function isOfNames(variable: string): boolean {
  return NAMES.has(variable);
}

const PUBLIC_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'connection',
  'content-length',
  'content-type',
  'host',
  'sec-ch-ua',
  'sec-ch-ua-mobile',
  'sec-ch-ua-platform',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'sec-fetch-user',
  'upgrade-insecure-requests',
  'user-agent',
]);

/** True when the target may look at a value with this name; undefined stands for every name that no rule names. */
function mayCover(target: CompiledTarget, variable: string, key: string | undefined): boolean {
  if (target.variable !== variable) return false;
  if (target.key !== undefined && target.key !== key) return false;
  // Names that a pattern selects are looked at more closely when the rule runs.
  return !target.exclusions.some((one) => one.pattern === undefined && (one.key === undefined || one.key === key));
}

/** Values for which the same rules look for the same things. */
export class Kind {
  readonly patterns: PatternSet;
  readonly uses: readonly Use[];
  /** Everything that some use looks for. */
  readonly pool: Subset;
  /** Every step of the chains, each behind those that come before it. */
  readonly steps: readonly ChainStep[];
  /** True when what is found in a value holds for the next request as well, see `known`. */
  readonly remembers: boolean;
  /** Of values that are the same in one request after another: what was found in them. */
  readonly known: RecentTexts<readonly Use[]> = new RecentTexts();
  readonly #root: NodeSet;
  readonly #sets = new Map<string, NodeSet>();
  #entries = 0;

  constructor(rules: readonly SurveyedRule[], { patterns, remembers }: { patterns: PatternSet; remembers: boolean }) {
    this.patterns = patterns;
    this.remembers = remembers;
    this.uses = rules.flatMap((surveyed) => usesOf(surveyed, patterns));
    this.pool = patterns.set.subset(this.uses.flatMap(({ member }) => member ?? []));
    this.steps = stepsInOrder(this.uses);
    this.#root = new NodeSet(this, [undefined]);
  }

  /** All uses look at the value as it came, before any transformation. */
  get root(): NodeSet {
    return this.#root;
  }

  /** The set of these places in chains, made once. */
  setOf(nodes: readonly ChainStep[]): NodeSet {
    const name = nodes
      .map(({ number }) => number)
      .toSorted((one, other) => one - other)
      .join();
    const known = this.#sets.get(name) ?? new NodeSet(this, nodes);
    this.#sets.set(name, known);
    return known;
  }

  /** Counts what was learned; forgets all of it where a client makes it too much. */
  noteEntry(): void {
    this.#entries += 1;
    if (this.#entries <= KIND_ENTRIES_MAX) return;
    this.#entries = 0;
    this.#sets.clear();
    this.#root.forget();
  }
}

/**
 * Combinations of traits remembered for one kind of values. A client can make thousands, which would each be one small
 * object; ordinary traffic makes some dozens.
 */
const KIND_ENTRIES_MAX = 1_024;

/** Combinations of traits that one transaction may teach: after some hundred requests hardly any is new. */
const ENTRIES_PER_TRANSACTION_MAX = 128;

/** Bytes that could be looked at in the time that one use takes when an entry is made. */
const STEPS_PER_USE = 16;

/** With multiMatch every form on the way counts. */
function usesOf(surveyed: SurveyedRule, patterns: PatternSet): readonly Use[] {
  const { rule } = surveyed;
  const member = rule.pattern === undefined ? undefined : patterns.memberOf(rule.pattern);
  const nodes: (ChainStep | undefined)[] = [rule.chain];
  if (rule.rule.actions.isMultiMatch) {
    for (let node = rule.chain; node !== undefined; node = node.before) nodes.push(node.before);
  }
  return nodes.map((node) => ({ ...surveyed, member, node }));
}

/** What happens to a text with certain traits that stands at certain places of the chains. */
export interface Entry {
  /** What is looked for in the text itself; undefined when no pattern is. */
  readonly subset: Subset | undefined;
  /** By member of the subset, who wants to know of a match. */
  readonly byMember: ReadonlyMap<number, readonly Use[]>;
  /** Who wants to know that there is no match. */
  readonly negated: readonly Use[];
  /** Whose operators look in another way. */
  readonly direct: readonly Use[];
  /** What the text is turned into. */
  readonly moves: readonly Move[];
}

export interface Move {
  readonly apply: (text: string) => string;
  readonly to: NodeSet;
  /** Of a shorter text nothing is made that anything behind it can match. */
  readonly lengthMin: number;
}

/**
 * Places in chains of transformations at which one text stands at the same time: chains that would not have changed it
 * are there already. So each text is transformed once for all of them, and looked at once.
 */
export class NodeSet {
  readonly #kind: Kind;
  readonly #nodes: readonly (ChainStep | undefined)[];
  readonly #relevant: number;
  readonly #entries = new Map<number, Entry>();

  constructor(kind: Kind, nodes: readonly (ChainStep | undefined)[]) {
    this.#kind = kind;
    this.#nodes = nodes;
    let relevant = 0;
    const below = new Set(nodes);
    for (const step of kind.steps) {
      if (!below.has(step.before)) continue;
      below.add(step);
      relevant |= traitsNeeded(step.name);
    }
    this.#relevant = relevant;
  }

  /**
   * Making one takes a look at every use, and costs the request that needs it. A request that needs too many gets the
   * one of texts with all traits: then nothing is skipped, and nothing is wrong.
   */
  entryFor(traits: number, state: { steps: number; entriesMade: number }): Entry {
    const key = state.entriesMade < ENTRIES_PER_TRANSACTION_MAX ? traits & this.#relevant : this.#relevant;
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const entry = this.#make(key);
    state.steps += this.#kind.uses.length * STEPS_PER_USE;
    state.entriesMade += 1;
    this.#kind.noteEntry();
    this.#entries.set(key, entry);
    return entry;
  }

  forget(): void {
    this.#entries.clear();
  }

  #make(traits: number): Entry {
    const { uses, patterns } = this.#kind;
    const reached = new Set<ChainStep | undefined>(this.#nodes);
    const moves = new Map<string, { apply: Move['apply']; nodes: ChainStep[] }>();
    // A step whose chain is here and that would change nothing is here as well.
    for (const step of this.#kind.steps) {
      if (reached.has(step) || !reached.has(step.before)) continue;
      if ((traitsNeeded(step.name) & traits) === 0) {
        reached.add(step);
        continue;
      }
      const name = step.name.toLowerCase();
      const move = moves.get(name) ?? { apply: step.apply, nodes: [] };
      move.nodes.push(step);
      moves.set(name, move);
    }
    // With multiMatch one rule may look at several places where the same text stands.
    const seen = new Set<CompiledRule>();
    const here = uses.filter(({ node, rule }) => reached.has(node) && !seen.has(rule) && seen.add(rule));
    const byMember = new Map<number, Use[]>();
    for (const use of here) {
      if (use.member === undefined) continue;
      const others = byMember.get(use.member) ?? [];
      others.push(use);
      byMember.set(use.member, others);
    }
    return {
      subset: byMember.size === 0 ? undefined : patterns.set.subset(byMember.keys(), this.#kind.pool),
      byMember,
      negated: here.filter(({ member, rule }) => member !== undefined && rule.isNegated),
      direct: here.filter(({ member }) => member === undefined),
      moves: [...moves.values()].map(({ apply, nodes }) => ({
        apply,
        to: this.#kind.setOf(nodes),
        lengthMin: lengthMinBehind(new Set(nodes), this.#kind),
      })),
    };
  }
}

/** The least length of a text of which these steps, and those behind them, make one that a use matches. */
function lengthMinBehind(steps: ReadonlySet<ChainStep>, { uses, patterns }: Kind): number {
  let lengthMin = Number.POSITIVE_INFINITY;
  for (const { node, member, rule } of uses) {
    let first = node;
    let isLengthening = false;
    for (; first !== undefined && !steps.has(first); first = first.before) isLengthening ||= mayLengthen(first.name);
    if (first === undefined) continue;
    if (member === undefined || rule.isNegated || isLengthening || mayLengthen(first.name)) return 0;
    lengthMin = Math.min(lengthMin, patterns.set.lengthMinOf(member));
  }
  return lengthMin;
}

/** Every step of the chains, each behind those that come before it. */
function stepsInOrder(uses: readonly Use[]): readonly ChainStep[] {
  const steps = new Set<ChainStep>();
  for (const { node } of uses) {
    const chain: ChainStep[] = [];
    for (let step = node; step !== undefined; step = step.before) chain.unshift(step);
    for (const step of chain) steps.add(step);
  }
  return [...steps];
}

/** What an operator sees while a survey asks it: nothing is captured, and no macro is in its argument. */
export function surveyRun(detectors: OperatorRun['detectors']): OperatorRun {
  return { detectors, expand: () => '', captures: undefined, groupsMax: 0, steps: 0 };
}
