import type { Macro } from '../seclang/macro.ts';
import { Collection, EMPTY, type Value } from './collection.ts';

/** Every variable of one transaction. */
export class Variables {
  readonly #collections = new Map<string, Collection>();
  readonly tx: Collection = new Collection();

  constructor() {
    this.#collections.set('TX', this.tx);
  }

  /** The collection for reading; the empty one when nothing was put there. */
  of(variable: string): Collection {
    return this.#collections.get(variable) ?? EMPTY;
  }

  /** The collection for writing. */
  open(variable: string): Collection {
    const known = this.#collections.get(variable);
    // The empty collection is shared by everybody who has none.
    if (known !== undefined && known !== EMPTY) return known;
    const made = new Collection();
    this.#collections.set(variable, made);
    return made;
  }

  /** Puts a whole collection in the place of what was there. */
  replace(variable: string, collection: Collection): void {
    this.#collections.set(variable, collection);
  }

  /** Gives a variable that is not a collection its value. */
  setScalar(variable: string, text: string): void {
    this.#collections.set(variable, Collection.of(text));
  }

  scalar(variable: string): string {
    return this.of(variable).first('') ?? '';
  }

  expand(macro: Macro): string {
    if (macro.constant !== undefined) return macro.constant;
    let text = '';
    for (const part of macro.parts) text += typeof part === 'string' ? part : this.#lookUp(part.variable, part.key);
    return text;
  }

  /** The first value, '' without one. */
  #lookUp(variable: string, key: string): string {
    const collection = this.of(variable);
    return key === '' ? (collection.all[0]?.text ?? '') : (collection.first(key) ?? '');
  }
}

/** Copies values under their own names: ARGS_NAMES of ARGS, REQUEST_HEADERS_NAMES of REQUEST_HEADERS. */
export function namesOf(values: readonly Value[]): Collection {
  const names = new Collection();
  for (const { key } of values) names.add(key, key);
  return names;
}
