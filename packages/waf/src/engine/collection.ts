/** One value that rules look at. Byte strings: one character for one byte. */
export class Value {
  /** Its name in the collection, as it came; '' for variables that are not collections. */
  readonly key: string;
  readonly text: string;
  /** What transformation chains made of the text, the newest first: each is computed once. */
  #derived: Derived | undefined;
  /** The first rule whose operator matches, for most values the only one; -1 without. */
  #mark: number;
  /** A bit for each further one, 31 in a number. */
  #marks: number[] | undefined;
  #name: string | undefined;

  constructor(key: string, text: string) {
    this.key = key;
    this.text = text;
    this.#derived = undefined;
    this.#mark = -1;
    this.#marks = undefined;
    this.#name = undefined;
  }

  /** `key` in lower case, as names are compared. */
  get name(): string {
    this.#name ??= this.key.toLowerCase();
    return this.#name;
  }

  derived(step: number): string | undefined {
    for (let known = this.#derived; known !== undefined; known = known.before)
      if (known.step === step) return known.text;
    return undefined;
  }

  derive(step: number, text: string): void {
    this.#derived = { step, text, before: this.#derived };
  }

  /** Notes that the rule with this number matches the value. `none` is of `noMarks`, for all rules. */
  mark(rule: number, none: readonly number[]): void {
    if (this.#mark === -1) this.#mark = rule;
    if (this.#mark === rule) return;
    this.#marks ??= none.slice();
    const word = Math.trunc(rule / MARKS_PER_WORD);
    this.#marks[word] = (this.#marks[word] ?? 0) | (1 << (rule % MARKS_PER_WORD));
  }

  isMarked(rule: number): boolean {
    if (this.#mark === rule) return true;
    if (this.#marks === undefined) return false;
    return (((this.#marks[Math.trunc(rule / MARKS_PER_WORD)] ?? 0) >>> (rule % MARKS_PER_WORD)) & 1) === 1;
  }
}

/** What one step of a chain made of a value. */
interface Derived {
  readonly step: number;
  readonly text: string;
  readonly before: Derived | undefined;
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
  /** No name from this number on is there: see `putGroups`. */
  #groupsEnd = 0;

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
    this.#groupsEnd = GROUP_NAMES.length;
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
    if (key.length === 1) this.#groupsEnd = GROUP_NAMES.length;
    this.#own().set(key, [value]);
    this.#isStale = true;
  }

  /** Sets `0` to `9` to what an operator captured, and leaves nothing there of what was captured before. */
  putGroups(captures: readonly string[]): void {
    const end = this.#groupsEnd;
    for (let group = 0; group < GROUP_NAMES.length; group += 1) {
      const name = GROUP_NAMES[group] ?? '';
      const text = captures[group];
      if (text !== undefined) this.#own().set(name, [new Value(name, text)]);
      else if (group < end) this.unset(name);
    }
    this.#groupsEnd = Math.min(captures.length, GROUP_NAMES.length);
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
    this.#groupsEnd = GROUP_NAMES.length;
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

  /** Those of `all` that a selection covers, which looks at nothing but their names. */
  selectedBy<S extends object>(selection: S, covers: Covers<S>): readonly Value[] {
    const base = this.#base;
    if (!this.#isStale || base === undefined) return this.all.filter((value) => covers(selection, value));
    const own: ReadonlyMap<string, readonly Value[]> = this.#byKey ?? NOTHING;
    const some: Value[] = [];
    for (const name of lentNames(base, selection, covers)) {
      for (const value of own.get(name) ?? base.get(name) ?? NONE) some.push(value);
    }
    for (const values of own.values()) {
      for (const value of values) {
        const lent = base.get(value.name)?.[0];
        // What is known of a name in one case need not hold in another.
        if (lent !== undefined && lent.key !== value.key) return this.all.filter((one) => covers(selection, one));
        if (lent === undefined && covers(selection, value)) some.push(value);
      }
    }
    return some;
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

type Covers<S> = (selection: S, value: Value) => boolean;

/** Names of what is lent that are selected: the same selections are asked about the same loans for every request. */
function lentNames<S extends object>(
  base: ReadonlyMap<string, readonly Value[]>,
  selection: S,
  covers: Covers<S>,
): readonly string[] {
  const bySelection = LENT_NAMES.get(base) ?? new WeakMap<object, readonly string[]>();
  LENT_NAMES.set(base, bySelection);
  const known = bySelection.get(selection);
  if (known !== undefined) return known;
  const names = [...base]
    .filter(([, values]) => values.some((value) => covers(selection, value)))
    .map(([name]) => name);
  bySelection.set(selection, names);
  return names;
}

const LENT_NAMES = new WeakMap<ReadonlyMap<string, readonly Value[]>, WeakMap<object, readonly string[]>>();

/** What captured groups are called, and nothing else that is as short. */
const GROUP_NAMES: readonly string[] = Array.from({ length: 10 }, (_, group) => String(group));

const NONE: readonly Value[] = [];
const NOTHING: ReadonlyMap<string, readonly Value[]> = new Map();
export const EMPTY: Collection = new Collection();
