/**
 * Header fields in the order they came, names in lower case. Values are latin1 text without surrounding white space.
 *
 * Not a map: order and repetition are evidence, and a name like `__proto__` is just a name.
 */
export class HeaderList {
  readonly #names: readonly string[];
  readonly #values: readonly string[];

  /** Both arrays have the same length; the list keeps them, so the caller must not change them afterwards. */
  constructor(names: readonly string[], values: readonly string[]) {
    this.#names = names;
    this.#values = values;
  }

  get length(): number {
    return this.#names.length;
  }

  /** The name at `index`, '' beyond the end. */
  nameAt(index: number): string {
    return this.#names[index] ?? '';
  }

  /** The value at `index`, '' beyond the end. */
  valueAt(index: number): string {
    return this.#values[index] ?? '';
  }

  /** The first value of `name` (lower case). */
  get(name: string): string | undefined {
    const index = this.#names.indexOf(name);
    return index === -1 ? undefined : this.#values[index];
  }

  /** Every value of `name` (lower case), in order. */
  getAll(name: string): readonly string[] {
    return this.#values.filter((_, index) => this.#names[index] === name);
  }

  has(name: string): boolean {
    return this.#names.includes(name);
  }
}
