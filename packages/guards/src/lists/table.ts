import { Keys } from './keys.ts';

/**
 * Networks of one address family as a level-compressed trie over a sorted array, in shared memory.
 *
 * The entries stand in the order of their first address, a shorter prefix before a longer one with the same first address.
 * Two networks are either apart or one holds the other. So the longest network that holds an address is the last entry at
 * or before that address, or one of the networks around that entry, which `parents` names. What is left is to find the
 * last entry, and the trie does it: a node looks at the first bits in which its entries differ, and each of its slots
 * leads to another node or to a handful of neighbouring entries.
 *
 * Bits in which all entries of a node agree are skipped unseen. Where the address differs in them, only a network around
 * the whole node can hold it, and `parents` leads there from wherever the search ends (docs/adr/0003-prefix-trie.md).
 */
export interface NetworkTable {
  /** 32-bit words of an address: 1 for IPv4, 4 for IPv6. */
  readonly words: 1 | 4;
  /** First addresses, `words` words for each entry, most significant first. */
  readonly keys: Uint32Array<SharedArrayBuffer>;
  /** 0 to 32, or 0 to 128. */
  readonly prefixLengths: Uint8Array<SharedArrayBuffer>;
  /** What the caller said of each network. */
  readonly values: Uint8Array<SharedArrayBuffer>;
  /** The smallest other entry that holds this one; -1 for none. */
  readonly parents: Int32Array<SharedArrayBuffer>;
  /**
   * A slot that leads to the root, then the nodes. A slot that is negative is the complement of a node's offset; any other
   * is `first << RUN_COUNT_BITS | count`, a run of entries. A node is a head, `position << 8 | width`, and 2^width slots,
   * one for each value of the `width` bits from bit `position` of an address.
   */
  readonly nodes: Int32Array<SharedArrayBuffer>;
}

/** A network to be compiled. */
export interface TableEntry {
  /** Four bytes for each word of an address, in network order; zero beyond the prefix. */
  readonly bytes: Readonly<Uint8Array>;
  readonly prefixLength: number;
  /** 0 to 255. Of a network that occurs more than once the highest value stays. */
  readonly value: number;
}

/** Bits of a slot for the length of its run. The 26 bits above them number 67 million entries. */
export const RUN_COUNT_BITS = 5;

/** Longest run that is searched without another node; it fits {@link RUN_COUNT_BITS}. Measured: 8 and 16 are alike. */
const RUN_ENTRIES_MAX = 8;

/** Entries one slot is laid out for. Measured from 1 to 8: fewer cost cache misses in the nodes, more cost comparisons. */
const ENTRIES_PER_SLOT = 4;

/** Widest node: 2^19 slots (2 MiB) are what two million evenly spread entries ask for. */
const NODE_WIDTH_MAX = 19;

/**
 * Builds the table. The order of `entries` does not matter; their number is the caller's to bound.
 *
 * @throws RangeError where a slot cannot number all entries.
 */
export function compileTable(entries: readonly TableEntry[], words: 1 | 4): NetworkTable {
  if (entries.length >= 2 ** (31 - RUN_COUNT_BITS)) throw new RangeError(`${entries.length} entries are too many`);
  const sorted = inOrder(entries, words);
  const keys = new Keys(sorted.length, words);
  const prefixLengths = new Uint8Array(new SharedArrayBuffer(sorted.length));
  const values = new Uint8Array(new SharedArrayBuffer(sorted.length));
  for (const [index, { bytes, prefixLength, value }] of sorted.entries()) {
    keys.set(index, bytes);
    prefixLengths[index] = prefixLength;
    values[index] = value;
  }
  const parents = parentsOf(keys, prefixLengths);
  return { words, keys: keys.array, prefixLengths, values, parents, nodes: nodesOf(keys, sorted.length) };
}

/** The entries by address, then prefix length; of equal networks only the one with the highest value. */
function inOrder(entries: readonly TableEntry[], words: 1 | 4): readonly TableEntry[] {
  const keys = new Keys(entries.length, words);
  const ranks = new Uint16Array(entries.length);
  for (const [index, { bytes, prefixLength, value }] of entries.entries()) {
    keys.set(index, bytes);
    ranks[index] = (prefixLength << 8) | value;
  }
  const order = Uint32Array.from(entries.keys());
  order.sort((one, other) => keys.compare(one, other) || (ranks[one] ?? 0) - (ranks[other] ?? 0));
  const sorted: TableEntry[] = [];
  let previous = -1;
  for (const index of order) {
    const entry = entries[index];
    if (entry === undefined) continue;
    const isRepeated =
      previous !== -1 && keys.compare(previous, index) === 0 && entries[previous]?.prefixLength === entry.prefixLength;
    if (isRepeated) sorted.pop();
    sorted.push(entry);
    previous = index;
  }
  return sorted;
}

/** For each entry the nearest entry before it that holds it. The stack are the networks around the entry at hand. */
function parentsOf(keys: Keys, prefixLengths: Uint8Array): Int32Array<SharedArrayBuffer> {
  const parents = new Int32Array(new SharedArrayBuffer(prefixLengths.length * 4));
  const around: number[] = [];
  for (let index = 0; index < prefixLengths.length; index += 1) {
    let parent = around.at(-1);
    while (parent !== undefined && keys.commonBits(parent, index) < (prefixLengths[parent] ?? 0)) {
      around.pop();
      parent = around.at(-1);
    }
    parents[index] = parent ?? -1;
    around.push(index);
  }
  return parents;
}

function nodesOf(keys: Keys, count: number): Int32Array<SharedArrayBuffer> {
  const nodes = [0];
  nodes[0] = slotFor({ keys, nodes }, 0, count);
  const shared = new Int32Array(new SharedArrayBuffer(nodes.length * 4));
  shared.set(nodes);
  return shared;
}

/** Appends what the entries from `first` to before `end` need and returns the slot that leads there. */
function slotFor(trie: { readonly keys: Keys; readonly nodes: number[] }, first: number, end: number): number {
  const { keys, nodes } = trie;
  if (end - first <= RUN_ENTRIES_MAX) return run(first, end - first);
  const position = keys.commonBits(first, end - 1);
  // Networks with one first address: the last is the longest, and the others are its parents.
  if (position === keys.bits) return run(end - 1, 1);
  const wished = Math.ceil(Math.log2((end - first) / ENTRIES_PER_SLOT));
  const width = Math.min(wished, NODE_WIDTH_MAX, keys.bits - position);
  const offset = nodes.push((position << 8) | width) - 1;
  for (let slot = 0; slot < 2 ** width; slot += 1) nodes.push(0);
  let from = first;
  for (let slot = 0; slot < 2 ** width; slot += 1) {
    let to = from;
    while (to < end && keys.bitsAt(to, position, width) === slot) to += 1;
    nodes[offset + 1 + slot] = slotFor(trie, from, to);
    from = to;
  }
  return ~offset;
}

function run(first: number, count: number): number {
  return (first << RUN_COUNT_BITS) | count;
}
