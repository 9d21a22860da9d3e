import type { Macro, MacroVariable } from '../seclang/macro.ts';
import type { Rule } from '../seclang/rule.ts';
import { Collection, EMPTY, type Value } from './collection.ts';

/** Every variable of one transaction. */
export class Variables {
  /** Collections, and scalars as their text until somebody wants a collection of them: most are never read. */
  readonly #values = new Map<string, Collection | string>();
  readonly #defaultOf: (variable: string) => string | undefined;
  readonly tx: Collection = new Collection();
  /** What RULE is about. */
  #rule: Rule | undefined;
  /** Names and texts of what the rule that runs has matched so far: MATCHED_VARS, which hardly any rule reads. */
  #matched: string[] = [];
  #hasReadMatched = false;

  /** `defaultOf` gives scalars a value when they are first read. */
  constructor(defaultOf: (variable: string) => string | undefined) {
    this.#defaultOf = defaultOf;
    this.#values.set('TX', this.tx);
  }

  /** The collection for reading; the empty one when nothing was put there. */
  of(variable: string): Collection {
    const known = this.#values.get(variable) ?? this.#ofRule(variable) ?? this.#defaultOf(variable);
    if (known === undefined) return EMPTY;
    if (typeof known !== 'string') return known;
    const made = Collection.of(known);
    this.#values.set(variable, made);
    return made;
  }

  /** A rule has its turn. */
  beginRule(rule: Rule): void {
    this.#rule = rule;
    if (this.#matched.length > 0) this.#matched = [];
    this.#forgetMatched();
  }

  /** The rule matches a value of this name that it sees so. */
  noteMatch(name: string, text: string): void {
    this.#values.set('MATCHED_VAR', text);
    this.#values.set('MATCHED_VAR_NAME', name);
    this.#matched.push(name, text);
    this.#forgetMatched();
  }

  /** Lets the default of the variable hold again. */
  forget(variable: string): void {
    this.#values.delete(variable);
  }

  /** The collection for writing. */
  open(variable: string): Collection {
    const known = this.#values.get(variable);
    // The empty collection is shared by everybody who has none.
    if (typeof known === 'object' && known !== EMPTY) return known;
    const made = typeof known === 'string' ? Collection.of(known) : new Collection();
    this.#values.set(variable, made);
    return made;
  }

  /** Puts a whole collection in the place of what was there. */
  replace(variable: string, collection: Collection): void {
    this.#values.set(variable, collection);
  }

  /** Gives a variable that is not a collection its value. */
  setScalar(variable: string, text: string): void {
    this.#values.set(variable, text);
  }

  scalar(variable: string): string {
    const known = this.#values.get(variable) ?? this.#defaultOf(variable);
    if (typeof known === 'string') return known;
    return known?.first('') ?? '';
  }

  expand(macro: Macro): string {
    if (macro.constant !== undefined) return macro.constant;
    let text = '';
    for (const part of macro.parts) text += typeof part === 'string' ? part : this.#lookUp(part);
    return text;
  }

  /** What there is only while a rule runs. */
  #ofRule(variable: string): Collection | undefined {
    if (variable === 'RULE') return this.#rule === undefined ? undefined : describedBy(this.#rule);
    if (variable !== 'MATCHED_VARS' && variable !== 'MATCHED_VARS_NAMES') return undefined;
    const texts = variable === 'MATCHED_VARS' ? 1 : 0;
    const values = new Collection();
    for (let at = 0; at < this.#matched.length; at += 2) {
      values.add(this.#matched[at] ?? '', this.#matched[at + texts] ?? '');
    }
    this.#values.set(variable, values);
    this.#hasReadMatched = true;
    return values;
  }

  #forgetMatched(): void {
    if (!this.#hasReadMatched) return;
    this.#hasReadMatched = false;
    this.#values.delete('MATCHED_VARS');
    this.#values.delete('MATCHED_VARS_NAMES');
  }

  /** The first value, '' without one. */
  #lookUp({ variable, name }: MacroVariable): string {
    const known = this.#values.get(variable);
    if (typeof known === 'string') return name === '' ? known : '';
    const collection = known ?? this.of(variable);
    return name === '' ? (collection.all[0]?.text ?? '') : (collection.first(name) ?? '');
  }
}

/** RULE: what macros may say about the rule. */
function describedBy({ id, actions: { severity, ver, rev, msg } }: Rule): Collection {
  const described = new Collection();
  described.add('id', String(id));
  described.add('severity', severity === undefined ? '' : String(severity));
  described.add('ver', ver ?? '');
  described.add('rev', rev ?? '');
  described.add('msg', msg?.constant ?? '');
  return described;
}

/** Copies values under their own names: ARGS_NAMES of ARGS, REQUEST_HEADERS_NAMES of REQUEST_HEADERS. */
export function namesOf(values: readonly Value[]): Collection {
  const names = new Collection();
  for (const { key } of values) names.add(key, key);
  return names;
}
