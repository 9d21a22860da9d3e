import { type Regex, regex } from '@sallyport/regex';
import type { Operator } from '../operators/operator.ts';
import { NAME_PATTERN, Patterns } from '../operators/pattern.ts';
import { compileOperator, patternNumber } from '../operators/registry.ts';
import {
  type Control,
  isRule,
  type Marker,
  type Phase,
  type Rule,
  type RuleSelector,
  type RuleSet,
  type Selection,
} from '../seclang/rule.ts';
import { ruleMatcher } from '../seclang/rule-matching.ts';
import { type Transformation, transformationOf } from '../transformations/registry.ts';
import type { Value } from './collection.ts';
import { GROUP_LAST, groupsRead } from './groups-read.ts';

/** A pattern of names. */
type NamePattern = Pick<Regex, 'testBytes'>;

/** A selection that is ready to run. */
export interface CompiledSelection {
  readonly variable: string;
  /** Lower case; undefined for all keys and for a pattern. */
  readonly key: string | undefined;
  readonly pattern: NamePattern | undefined;
  /** Lower case: with what a name begins that the pattern finds, where the pattern says no more than that. */
  readonly prefix: string | undefined;
  /** Lower case: what a name holds that the pattern finds, where the pattern says no more than that. */
  readonly infix: string | undefined;
}

export interface CompiledTarget extends CompiledSelection {
  readonly isCount: boolean;
  /** The exclusions of the rule that are about this variable. */
  readonly exclusions: readonly CompiledSelection[];
}

/** One step of a transformation chain. Chains that begin alike share their steps, and with them what was computed. */
export interface ChainStep {
  readonly number: number;
  readonly name: string;
  readonly apply: Transformation;
  /** Undefined for the first step. */
  readonly before: ChainStep | undefined;
}

/** A rule, or a link of one, ready to run. */
export interface CompiledRule {
  readonly rule: Rule;
  /** Of heads, from 0, unique in the plan; -1 for links. */
  readonly number: number;
  readonly targets: readonly CompiledTarget[];
  /** It looks at variables that rules may change while a phase runs. */
  readonly looksAtChanging: boolean;
  /** Undefined for SecAction. */
  readonly operator: Operator | undefined;
  readonly isNegated: boolean;
  /** The highest of TX.1 to TX.9 that may be read after it has captured, see `groupsRead`. */
  readonly groupsMax: number;
  /** The pattern or phrase list that alone decides whether the operator matches, if there is one. */
  readonly pattern: number | undefined;
  /** The last step; undefined when values are looked at as they are. */
  readonly chain: ChainStep | undefined;
  readonly links: readonly CompiledRule[];
}

/** What runs in one phase: rules in their order, and where each label is. */
export interface Program {
  readonly rules: readonly CompiledRule[];
  /** By label: the indices in `rules` of what stands behind its markers, ascending. */
  readonly labels: ReadonlyMap<string, readonly number[]>;
}

/** A rule set ready to run in this thread. */
export interface Plan {
  readonly ruleSet: RuleSet;
  readonly patterns: Patterns;
  /** Heads of all phases. */
  readonly rulesCount: number;
  readonly programs: Readonly<Record<Phase, Program>>;
  /** The rules that a `ctl` action names, found once. */
  rulesOf(control: Extract<Control, { kind: 'remove' | 'removeTarget' }>): ReadonlySet<CompiledRule>;
  /** The target that a `ctl` action takes out, compiled once. */
  targetOf(control: Extract<Control, { kind: 'removeTarget' }>): CompiledSelection;
}

/** Finds the text of a file that a rule names: what the rule says, and the file that it stands in. */
export type ReadText = (path: string, from: string) => string | undefined;

/** Makes a rule set ready to run in this thread, but for its patterns: `plan.patterns.use` makes them ready. */
export function makePlan(ruleSet: RuleSet, readFile: ReadText): Plan {
  const compiler = new Compiler(readFile, groupsRead(ruleSet.items));
  const programs = compiler.programs(ruleSet.items);
  const all = Object.values(programs).flatMap(({ rules }) => rules);
  const found = new Map<RuleSelector, ReadonlySet<CompiledRule>>();
  const targets = new Map<Selection, CompiledSelection>();
  return {
    ruleSet,
    patterns: compiler.patterns,
    rulesCount: all.length,
    programs,
    rulesOf: ({ rules: selector }) => {
      const known = found.get(selector);
      if (known !== undefined) return known;
      const matches = ruleMatcher(selector);
      const rules = new Set(all.filter(({ rule }) => matches(rule.actions)));
      found.set(selector, rules);
      return rules;
    },
    targetOf: ({ target }) => {
      const known = targets.get(target) ?? compileSelection(target, namePattern);
      targets.set(target, known);
      return known;
    },
  };
}

/** True when the selection covers the value by its name. */
export function selects(selection: CompiledSelection, value: Value): boolean {
  if (selection.key !== undefined) return selection.key === value.name;
  if (selection.prefix !== undefined) return value.name.startsWith(selection.prefix);
  if (selection.infix !== undefined) return value.name.includes(selection.infix);
  return selection.pattern === undefined || selection.pattern.testBytes(value.key);
}

/** An operator with its argument, and the pattern that alone decides it, if one does. */
interface CompiledUse {
  readonly operator: Operator;
  readonly pattern: number | undefined;
}

class Compiler {
  readonly patterns: Patterns = new Patterns();
  readonly #steps = new Map<string, ChainStep>();
  readonly #operators = new Map<string, CompiledUse>();
  readonly #readFile: ReadText;
  readonly #groupsRead: ReturnType<typeof groupsRead>;
  #rulesCount = 0;

  constructor(readFile: ReadText, groups: ReturnType<typeof groupsRead>) {
    this.#readFile = readFile;
    this.#groupsRead = groups;
  }

  programs(items: RuleSet['items']): Plan['programs'] {
    return {
      1: this.#program(items, 1),
      2: this.#program(items, 2),
      3: this.#program(items, 3),
      4: this.#program(items, 4),
      5: this.#program(items, 5),
    };
  }

  #program(items: readonly (Rule | Marker)[], phase: Phase): Program {
    const rules: CompiledRule[] = [];
    const labels = new Map<string, number[]>();
    for (const item of items) {
      if (!isRule(item)) {
        const places = labels.get(item.label) ?? [];
        places.push(rules.length);
        labels.set(item.label, places);
      } else if (item.phase === phase) rules.push(this.#rule(item, this.#rulesCount++));
    }
    return { rules, labels };
  }

  /** Its pattern is one of the rule set's, so that a thread that gets an image compiles none. */
  #selection(selection: Selection): CompiledSelection {
    return compileSelection(selection, (pattern) => {
      const number = this.patterns.addOfNames(pattern);
      return { testBytes: (name) => this.patterns.at(number).testBytes(name) };
    });
  }

  #rule(rule: Rule, number: number): CompiledRule {
    const use = this.#use(rule);
    return {
      rule,
      number,
      targets: rule.targets.map((target) => ({
        ...this.#selection(target),
        isCount: target.isCount,
        exclusions: rule.exclusions
          .filter(({ variable }) => variable === target.variable)
          .map((exclusion) => this.#selection(exclusion)),
      })),
      looksAtChanging: rule.targets.some(({ variable }) => CHANGED_BY_RULES.has(variable)),
      operator: use?.operator,
      isNegated: rule.operator?.isNegated ?? false,
      groupsMax: this.#groupsRead.get(rule) ?? GROUP_LAST,
      pattern: use?.pattern,
      chain: this.#chain(rule.transformations),
      links: rule.chain.map((link) => this.#rule(link, -1)),
    };
  }

  #use({ operator: use, place }: Rule): CompiledUse | undefined {
    if (use === undefined) return undefined;
    const name = `${place.file}\0${use.name}\0${use.argument}`;
    const known = this.#operators.get(name);
    if (known !== undefined) return known;
    const readFile = (path: string): string | undefined => this.#readFile(path, place.file);
    const environment = { patterns: this.patterns, readFile };
    const operator = compileOperator(use, environment);
    if (typeof operator === 'string') throw new Error(`${place.file}:${place.line}: ${operator}`);
    const compiled = { operator, pattern: patternNumber(use, environment) };
    this.#operators.set(name, compiled);
    return compiled;
  }

  #chain(names: readonly string[]): ChainStep | undefined {
    let last: ChainStep | undefined;
    let path = '';
    for (const name of names) {
      path += ` ${name}`;
      const apply = transformationOf(name);
      if (apply === undefined) throw new Error(`there is no transformation ${name}`);
      const step = this.#steps.get(path) ?? { number: this.#steps.size, name, apply, before: last };
      this.#steps.set(path, step);
      last = step;
    }
    return last;
  }
}

/** Variables that actions write, or that a match leaves behind. */
const CHANGED_BY_RULES: ReadonlySet<string> = new Set([
  'ENV',
  'GLOBAL',
  'HIGHEST_SEVERITY',
  'IP',
  'MATCHED_VAR',
  'MATCHED_VARS',
  'MATCHED_VARS_NAMES',
  'MATCHED_VAR_NAME',
  'REQBODY_PROCESSOR',
  'RESOURCE',
  'RULE',
  'SESSION',
  'TX',
  'USER',
]);

function compileSelection(
  { variable, selector }: Selection,
  patternOf: (pattern: string) => NamePattern,
): CompiledSelection {
  const [, anchor, word] = selector.kind === 'pattern' ? (WORD_PATTERN.exec(selector.pattern.toLowerCase()) ?? []) : [];
  return {
    variable,
    key: selector.kind === 'key' ? selector.key : undefined,
    pattern: selector.kind === 'pattern' ? patternOf(selector.pattern) : undefined,
    prefix: anchor === '^' ? word : undefined,
    infix: anchor === '' ? word : undefined,
  };
}

/** A word, at the beginning or anywhere. What may be repeated behind it, and may be missing, changes nothing. */
const WORD_PATTERN = /^(\^?)([\w-]+?)(?:[\w-]\*)?$/;

function namePattern(pattern: string): NamePattern {
  return regex(pattern, NAME_PATTERN);
}
