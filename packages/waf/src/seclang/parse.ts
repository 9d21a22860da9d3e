import { operatorProblem } from '../operators/registry.ts';
import { parseActions } from './actions.ts';
import { type Diagnostic, Diagnostics, type Place } from './diagnostic.ts';
import { type Directive, directivesOf } from './lines.ts';
import { type DraftRule, resolveRules } from './resolve.ts';
import type { ActionList, Marker, OperatorUse, Phase, RuleSet } from './rule.ts';
import { applySetting, defaultSettings, type SettingsDraft } from './settings.ts';
import { parseTargets } from './targets.ts';
import { applyUpdate, type Update, updateOf } from './updates.ts';

/** A rule file: its name for messages and relative paths, and its text. */
export interface RuleSource {
  readonly name: string;
  /** A byte string: one character for one byte. */
  readonly text: string;
}

/** How the loader reads files that rule files name (`Include`, `@pmFromFile`). */
export interface RuleFiles {
  /**
   * The bytes of a file as a byte string, undefined when there is none. `path` is as the rule wrote it; `from` is the
   * name of the file it stands in, which relative paths are relative to.
   */
  readFile(path: string, from: string): RuleSource | undefined;
}

/** What was read, and what is to be said about it. With an `error` among the diagnostics the rules are not usable. */
export interface ParsedRules {
  readonly ruleSet: RuleSet;
  readonly diagnostics: readonly Diagnostic[];
}

/** Parses rule files in order. Never throws: what is unknown or wrong is a diagnostic with file and line. */
export function parseRules(sources: readonly RuleSource[], files: RuleFiles): ParsedRules {
  const reader = new Reader(files);
  for (const source of sources) reader.read(source, 0);
  return reader.finish();
}

/** Files inside files: a file that includes itself must end. */
const INCLUDE_DEPTH_MAX = 16;

class Reader {
  readonly #diagnostics = new Diagnostics();
  readonly #files: RuleFiles;
  readonly #settings: SettingsDraft = defaultSettings();
  readonly #items: (DraftRule | Marker)[] = [];
  readonly #updates: Update[] = [];
  readonly #defaults = new Map<Phase, ActionList>();
  /** The rule that waits for its next link. */
  #open: DraftRule | undefined;

  constructor(files: RuleFiles) {
    this.#files = files;
  }

  read(source: RuleSource, depth: number): void {
    for (const directive of directivesOf(source.text)) {
      this.#directive(directive, { file: source.name, line: directive.line }, depth);
    }
  }

  finish(): ParsedRules {
    if (this.#open !== undefined) this.#diagnostics.error(this.#open.place, 'a chain has no further rule');
    const rules = this.#items.filter((item) => 'actions' in item);
    for (const update of this.#updates) applyUpdate(update, rules, this.#diagnostics);
    const items = resolveRules(this.#items, this.#defaults, this.#diagnostics);
    return { ruleSet: { items, settings: this.#settings }, diagnostics: this.#diagnostics.list };
  }

  #directive({ words, problem }: Directive, place: Place, depth: number): void {
    const [name = '', ...values] = words;
    if (problem !== undefined) return this.#diagnostics.error(place, problem);
    switch (name.toLowerCase()) {
      case 'secrule':
        return this.#rule(place, values);
      case 'secaction':
        return this.#action(place, values);
      case 'secmarker':
        return values[0] === undefined
          ? this.#diagnostics.error(place, 'SecMarker has no label')
          : void this.#items.push({ label: values[0] });
      case 'secdefaultaction':
        return this.#defaultAction(place, values[0] ?? '');
      case 'include':
        return this.#include(place, values[0] ?? '', depth);
      default:
        return this.#other(place, name, values);
    }
  }

  #rule(place: Place, values: readonly string[]): void {
    const [targetText, operatorText, actionText = ''] = values;
    if (targetText === undefined || operatorText === undefined || values.length > 3) {
      return this.#diagnostics.error(place, 'SecRule has two or three words: variables, operator, actions');
    }
    const list = parseTargets(targetText);
    if (typeof list === 'string') return this.#broken(place, list, actionText);
    if (list.targets.length === 0) return this.#broken(place, 'SecRule looks at nothing', actionText);
    const operator = operatorOf(operatorText);
    const problem = operatorProblem(operator, (path) => this.#files.readFile(path, place.file)?.text);
    if (problem !== undefined) return this.#broken(place, problem, actionText);
    const { actions, problems } = parseActions(actionText);
    for (const one of problems) this.#diagnostics.error(place, one);
    this.#add({ place, targets: list.targets, exclusions: [...list.exclusions], operator, actions, chain: [] });
  }

  #action(place: Place, values: readonly string[]): void {
    const { actions, problems } = parseActions(values[0] ?? '');
    for (const one of problems) this.#diagnostics.error(place, one);
    if (values.length !== 1) this.#diagnostics.error(place, 'SecAction has one word: actions');
    this.#add({ place, targets: [], exclusions: [], operator: undefined, actions, chain: [] });
  }

  /** Reports, and keeps an open chain in step so that one mistake is not reported as three. */
  #broken(place: Place, problem: string, actionText: string): void {
    this.#diagnostics.error(place, problem);
    const { actions } = parseActions(actionText);
    this.#add({ place, targets: [], exclusions: [], operator: undefined, actions, chain: [] });
  }

  #add(rule: DraftRule): void {
    const head = this.#open;
    if (head === undefined) this.#items.push(rule);
    else head.chain.push(rule);
    this.#open = rule.actions.isChained ? (head ?? rule) : undefined;
  }

  #defaultAction(place: Place, text: string): void {
    const { actions, problems } = parseActions(text);
    for (const one of problems) this.#diagnostics.error(place, one);
    if (actions.phase === undefined) return this.#diagnostics.error(place, 'SecDefaultAction names no phase');
    if (actions.disruption?.kind === 'block') {
      return this.#diagnostics.error(place, 'SecDefaultAction says what block means and cannot say block');
    }
    this.#defaults.set(actions.phase, actions);
  }

  #include(place: Place, path: string, depth: number): void {
    if (depth >= INCLUDE_DEPTH_MAX) {
      return this.#diagnostics.error(place, `files include one another more than ${INCLUDE_DEPTH_MAX} deep`);
    }
    const source = this.#files.readFile(path, place.file);
    if (source === undefined) return this.#diagnostics.error(place, `Include: there is no file ${path}`);
    this.read(source, depth + 1);
  }

  #other(place: Place, name: string, values: readonly string[]): void {
    const update = updateOf(place, name, values);
    if (typeof update === 'string') return this.#diagnostics.error(place, update);
    if (update !== undefined) {
      this.#updates.push(update);
      return;
    }
    const outcome = applySetting(this.#settings, name, values);
    if (outcome === 'done') return;
    if (outcome === undefined) return this.#diagnostics.error(place, `unknown or unsupported directive ${name}`);
    if ('problem' in outcome) this.#diagnostics.error(place, outcome.problem);
    else this.#diagnostics.warning(place, outcome.ignored);
  }
}

/** `@name argument`, `!@name argument`; without a name it is `@rx`. */
function operatorOf(text: string): OperatorUse {
  const isNegated = text.startsWith('!');
  const body = isNegated ? text.slice(1).trimStart() : text;
  if (!body.startsWith('@')) return { name: 'rx', argument: body, isNegated };
  const space = body.search(/\s/);
  const name = (space < 0 ? body.slice(1) : body.slice(1, space)).toLowerCase();
  return { name, argument: space < 0 ? '' : body.slice(space).trim(), isNegated };
}
