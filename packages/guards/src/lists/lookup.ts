import { IpAddress } from '@sallyport/kernel';
import { selectBits, wordOf } from './keys.ts';
import { type NetworkTable, RUN_COUNT_BITS } from './table.ts';

/** Finds the longest network of a table that holds an address. Allocates nothing per look-up. */
export class NetworkLookup {
  readonly #table: NetworkTable;
  /** The address at hand as words, and a zero beyond them so that bits can be cut across the end. */
  readonly #address: Uint32Array;

  constructor(table: NetworkTable) {
    this.#table = table;
    this.#address = new Uint32Array(table.words + 1);
  }

  /** The index of the longest network that holds the address (4 or 16 bytes, as the table's family), or -1. */
  find(bytes: Readonly<Uint8Array>): number {
    for (let word = 0; word < this.#table.words; word += 1) this.#address[word] = wordOf(bytes, word);
    let index = this.#lastAtOrBefore(this.#run());
    if (index === -1) return -1;
    // A parent agrees with its entry in all of its own bits, so one comparison serves the whole chain.
    const common = this.#commonBits(index);
    const { prefixLengths, parents } = this.#table;
    while (index !== -1 && (prefixLengths[index] ?? 0) > common) index = parents[index] ?? -1;
    return index;
  }

  /** What the table says of the network at `index`. */
  valueAt(index: number): number {
    return this.#table.values[index] ?? 0;
  }

  /** The network at `index` in CIDR notation. */
  networkAt(index: number): string {
    const { words, keys, prefixLengths } = this.#table;
    const bytes = new Uint8Array(words * 4);
    const view = new DataView(bytes.buffer);
    for (let word = 0; word < words; word += 1) view.setUint32(word * 4, keys[index * words + word] ?? 0);
    return `${IpAddress.fromBytes(bytes).text}/${prefixLengths[index] ?? 0}`;
  }

  /** Walks the trie to the run of entries among which the address belongs. */
  #run(): number {
    const { nodes } = this.#table;
    let slot = nodes[0] ?? 0;
    while (slot < 0) {
      const head = nodes[~slot] ?? 0;
      const position = head >>> 8;
      const word = position >>> 5;
      const bits = selectBits(this.#address[word] ?? 0, this.#address[word + 1] ?? 0, position & 31, head & 0xff);
      slot = nodes[~slot + 1 + bits] ?? 0;
    }
    return slot;
  }

  /** The last entry of the run that does not begin after the address; the entry before the run if all do. */
  #lastAtOrBefore(run: number): number {
    let first = run >>> RUN_COUNT_BITS;
    let end = first + (run & (2 ** RUN_COUNT_BITS - 1));
    while (first < end) {
      const middle = (first + end) >>> 1;
      if (this.#isAfterAddress(middle)) end = middle;
      else first = middle + 1;
    }
    return first - 1;
  }

  #isAfterAddress(index: number): boolean {
    const { words, keys } = this.#table;
    for (let word = 0; word < words; word += 1) {
      const key = keys[index * words + word] ?? 0;
      const own = this.#address[word] ?? 0;
      if (key !== own) return key > own;
    }
    return false;
  }

  #commonBits(index: number): number {
    const { words, keys } = this.#table;
    for (let word = 0; word < words; word += 1) {
      const difference = (keys[index * words + word] ?? 0) ^ (this.#address[word] ?? 0);
      if (difference !== 0) return word * 32 + Math.clz32(difference);
    }
    return words * 32;
  }
}
