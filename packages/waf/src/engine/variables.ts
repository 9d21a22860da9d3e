import type { Macro } from '../seclang/macro.ts';
import { Collection, EMPTY, type Value } from './collection.ts';

/** Every variable of one transaction. */
export class Variables {
  /** Collections, and scalars as their text until somebody wants a collection of them: most are never read. */
  readonly #values = new Map<string, Collection | string>();
  readonly #defaultOf: (variable: string) => string | undefined;
  readonly tx: Collection = new Collection();

  /** `defaultOf` gives scalars a value when they are first read. */
  constructor(defaultOf: (variable: string) => string | undefined) {
    this.#defaultOf = defaultOf;
    this.#values.set('TX', this.tx);
  }

  /** The collection for reading; the empty one when nothing was put there. */
  of(variable: string): Collection {
    const known = this.#values.get(variable) ?? this.#defaultOf(variable);
    if (known === undefined) return EMPTY;
    if (typeof known !== 'string') return known;
    const made = Collection.of(known);
    this.#values.set(variable, made);
    return made;
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
    for (const part of macro.parts) text += typeof part === 'string' ? part : this.#lookUp(part.variable, part.key);
    return text;
  }

  /** The first value, '' without one. */
  #lookUp(variable: string, key: string): string {
    const known = this.#values.get(variable);
    if (typeof known === 'string') return key === '' ? known : '';
    const collection = known ?? this.of(variable);
    return key === '' ? (collection.all[0]?.text ?? '') : (collection.first(key) ?? '');
  }
}

/** Copies values under their own names: ARGS_NAMES of ARGS, REQUEST_HEADERS_NAMES of REQUEST_HEADERS. */
export function namesOf(values: readonly Value[]): Collection {
  const names = new Collection();
  for (const { key } of values) names.add(key, key);
  return names;
}
