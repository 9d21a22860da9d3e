/** One value that rules look at. Byte strings: one character for one byte. */
export class Value {
  /** Its name in the collection, as it came; '' for variables that are not collections. */
  readonly key: string;
  readonly text: string;
  /** What transformation chains made of the text, by number of the chain: each is computed once. */
  readonly derived: (string | undefined)[] = [];

  constructor(key: string, text: string) {
    this.key = key;
    this.text = text;
  }
}

/** Named values in the order they came; names repeat, and are found in any case. */
export class Collection {
  readonly #byKey = new Map<string, Value[]>();
  #all: Value[] = [];
  #isStale = false;

  /** A variable that has one value. */
  static of(text: string): Collection {
    const collection = new Collection();
    collection.add('', text);
    return collection;
  }

  add(key: string, text: string): void {
    this.share(new Value(key, text));
  }

  /** Adds a value of another collection, with what was computed from it. */
  share(value: Value): void {
    const folded = value.key.toLowerCase();
    const same = this.#byKey.get(folded);
    if (same === undefined) this.#byKey.set(folded, [value]);
    else same.push(value);
    this.#all.push(value);
  }

  /** Makes `text` the only value of `key`. */
  set(key: string, text: string): void {
    this.#byKey.set(key.toLowerCase(), [new Value(key, text)]);
    this.#isStale = true;
  }

  unset(key: string): void {
    if (this.#byKey.delete(key.toLowerCase())) this.#isStale = true;
  }

  /** The values of `key`, which is in lower case. */
  valuesOf(key: string): readonly Value[] {
    return this.#byKey.get(key) ?? NONE;
  }

  first(key: string): string | undefined {
    return this.#byKey.get(key.toLowerCase())?.[0]?.text;
  }

  get all(): readonly Value[] {
    if (this.#isStale) this.#all = [...this.#byKey.values()].flat();
    this.#isStale = false;
    return this.#all;
  }
}

const NONE: readonly Value[] = [];
export const EMPTY: Collection = new Collection();
