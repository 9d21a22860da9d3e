import type { Value } from './collection.ts';

/** What is known of TX at one place of a rule set, for every request that gets there. */
export class Known {
  /** By name in lower case: the value, null where there is none, undefined where that depends on the request. */
  readonly #names: Map<string, Value | null | undefined>;
  /** Beginnings of names of which nothing is known; a name that is not in `#names` and begins otherwise is not set. */
  readonly #prefixes: Set<string>;

  private constructor(names: Map<string, Value | null | undefined>, prefixes: Set<string>) {
    this.#names = names;
    this.#prefixes = prefixes;
  }

  /** A transaction begins without variables. */
  static nothingSet(): Known {
    return new Known(new Map(), new Set());
  }

  copy(): Known {
    return new Known(new Map(this.#names), new Set(this.#prefixes));
  }

  /** True when it is known what the variable is, or that there is none. */
  isKnown(name: string): boolean {
    return this.#of(name) !== undefined;
  }

  /** The variables that are known to be set, in the order in which they were. */
  values(): readonly Value[] {
    return [...this.#names.values()].filter((value) => value !== undefined && value !== null);
  }

  set(name: string, value: Value): void {
    this.#names.set(name, value);
  }

  /** What holds where the variable may have been changed; itself where nothing was known of it. */
  without(name: string): Known {
    if (this.#names.has(name) && this.#names.get(name) === undefined) return this;
    const less = this.copy();
    less.#names.set(name, undefined);
    return less;
  }

  /** What holds where every variable whose name begins so may have been changed; itself where nothing was known of them. */
  withoutAll(prefix: string): Known {
    const isUnknown = [...this.#names].every(([name, value]) => value === undefined || !name.startsWith(prefix));
    if (isUnknown && this.#prefixes.has(prefix)) return this;
    const less = this.copy();
    for (const name of this.#names.keys()) if (name.startsWith(prefix)) less.#names.set(name, undefined);
    less.#prefixes.add(prefix);
    return less;
  }

  /** What holds whichever of the two ways led here. */
  join(other: Known): Known {
    const names = new Map<string, Value | null | undefined>();
    for (const name of new Set([...this.#names.keys(), ...other.#names.keys()])) {
      const one = this.#of(name);
      const two = other.#of(name);
      names.set(name, isSame(one, two) ? one : undefined);
    }
    return new Known(names, this.#prefixes.union(other.#prefixes));
  }

  #of(name: string): Value | null | undefined {
    if (this.#names.has(name)) return this.#names.get(name);
    for (const prefix of this.#prefixes) if (name.startsWith(prefix)) return undefined;
    return null;
  }
}

function isSame(one: Value | null | undefined, two: Value | null | undefined): boolean {
  if (one === null || one === undefined || two === null || two === undefined) return one === two;
  return one.key === two.key && one.text === two.text;
}
