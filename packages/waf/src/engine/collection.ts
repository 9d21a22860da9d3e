/** One value that rules look at. Byte strings: one character for one byte. */
export class Value {
  /** Its name in the collection, as it came; '' for variables that are not collections. */
  readonly key: string;
  readonly text: string;
  /** What transformation chains made of the text, by number of the chain: each is computed once. */
  #derived: (string | undefined)[] | undefined;
  /** A bit for each rule whose operator matches, 31 in a number. Made when the first one does. */
  #marks: number[] | undefined;
  #name: string | undefined;

  constructor(key: string, text: string) {
    this.key = key;
    this.text = text;
    this.#derived = undefined;
    this.#marks = undefined;
    this.#name = undefined;
  }

  /** `key` in lower case, as names are compared. */
  get name(): string {
    this.#name ??= this.key.toLowerCase();
    return this.#name;
  }

  derived(step: number): string | undefined {
    return this.#derived?.[step];
  }

  derive(step: number, text: string): void {
    this.#derived ??= [];
    this.#derived[step] = text;
  }

  /** Notes that the rule with this number matches the value. `none` is of `noMarks`, for all rules. */
  mark(rule: number, none: readonly number[]): void {
    this.#marks ??= none.slice();
    const word = Math.trunc(rule / MARKS_PER_WORD);
    this.#marks[word] = (this.#marks[word] ?? 0) | (1 << (rule % MARKS_PER_WORD));
  }

  isMarked(rule: number): boolean {
    if (this.#marks === undefined) return false;
    return (((this.#marks[Math.trunc(rule / MARKS_PER_WORD)] ?? 0) >>> (rule % MARKS_PER_WORD)) & 1) === 1;
  }
}

/** The marks of a value that no rule matches, to be copied. */
export function noMarks(rulesCount: number): readonly number[] {
  return Array.from({ length: Math.ceil(rulesCount / MARKS_PER_WORD) }, () => 0);
}

const MARKS_PER_WORD = 31;

/** Named values in the order they came; names repeat, and are found in any case. */
export class Collection {
  /** Not up to date while `#isStale`. */
  #all: Value[] = [];
  #isStale = false;
  /** By name in lower case, what was set since `#base`. Made when a name is first asked for. */
  #byKey: Map<string, Value[]> | undefined;
  /** What another collection lent. */
  #base: ReadonlyMap<string, readonly Value[]> | undefined;

  /** A variable that has one value. */
  static of(text: string): Collection {
    const collection = new Collection();
    collection.#all = [new Value('', text)];
    return collection;
  }

  add(key: string, text: string): void {
    this.share(new Value(key, text));
  }

  /** Adds a value of another collection, with what was computed from it. */
  share(value: Value): void {
    if (this.#byKey !== undefined || this.#base !== undefined) enter(this.#index(), value);
    if (!this.#isStale) this.#all.push(value);
  }

  /** Makes `text` the only value of `key`. */
  set(key: string, text: string): void {
    const value = new Value(key, text);
    this.put(value.name, value);
  }

  /** As `set`. `key` is the name of the value in lower case. */
  put(key: string, value: Value): void {
    this.#own().set(key, [value]);
    this.#isStale = true;
  }

  /** `name` is in lower case. */
  unset(name: string): void {
    if (this.#base !== undefined && !this.#base.has(name)) {
      if (this.#byKey?.delete(name) === true) this.#isStale = true;
      return;
    }
    if (this.#index().delete(name)) this.#isStale = true;
  }

  /** Takes over values by name in lower case, in their order. They stay those of the lender and are never changed. */
  borrow(values: ReadonlyMap<string, readonly Value[]>): void {
    if (this.#byKey === undefined && this.#base === undefined && this.#all.length === 0) this.#base = values;
    else for (const [key, own] of values) this.#own().set(key, [...own]);
    this.#isStale = true;
  }

  /** The values of `key`, which is in lower case. */
  valuesOf(key: string): readonly Value[] {
    if (this.#base === undefined) return this.#index().get(key) ?? NONE;
    return this.#byKey?.get(key) ?? this.#base.get(key) ?? NONE;
  }

  /** The first value of `name`, which is in lower case. */
  first(name: string): string | undefined {
    if (name === '' && !this.#isStale) {
      const [first] = this.#all;
      if (first === undefined || first.key === '') return first?.text;
    }
    return this.valuesOf(name)[0]?.text;
  }

  get all(): readonly Value[] {
    if (this.#isStale) this.#all = this.#listed();
    this.#isStale = false;
    return this.#all;
  }

  /** All values by name, in the order in which the names came. */
  #listed(): Value[] {
    const all: Value[] = [];
    const own: ReadonlyMap<string, readonly Value[]> = this.#byKey ?? NOTHING;
    for (const [name, values] of this.#base ?? NOTHING) for (const value of own.get(name) ?? values) all.push(value);
    for (const [name, values] of own) if (this.#base?.has(name) !== true) for (const value of values) all.push(value);
    return all;
  }

  /** Where a name is given other values, by name: everything, or what differs from the base. */
  #own(): Map<string, Value[]> {
    return this.#base === undefined ? this.#index() : (this.#byKey ??= new Map<string, Value[]>());
  }

  /** Everything by name, without a base. */
  #index(): Map<string, Value[]> {
    if (this.#base === undefined && this.#byKey !== undefined) return this.#byKey;
    const index = new Map<string, Value[]>();
    for (const [key, values] of this.#base ?? NOTHING) index.set(key, [...values]);
    for (const [key, values] of this.#byKey ?? NOTHING) index.set(key, [...values]);
    // With a base `#all` is stale: it holds nothing that the two do not.
    if (this.#base === undefined) for (const value of this.#all) enter(index, value);
    this.#base = undefined;
    this.#byKey = index;
    return index;
  }
}

function enter(index: Map<string, Value[]>, value: Value): void {
  const same = index.get(value.name);
  if (same === undefined) index.set(value.name, [value]);
  else same.push(value);
}

const NONE: readonly Value[] = [];
const NOTHING: ReadonlyMap<string, readonly Value[]> = new Map();
export const EMPTY: Collection = new Collection();
