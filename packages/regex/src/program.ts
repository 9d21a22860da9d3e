import { assertionsIn, isAnchoredAtStart } from './analysis.ts';
import {
  ANY_BYTE,
  BYTE_VALUES,
  type ByteSet,
  keyOfSet,
  NEWLINE,
  singleByte,
  sizeOfSet,
  WORD_BYTES,
} from './byte-set.ts';
import { RegexError } from './errors.ts';
import { ASSERTION, isNullable, type Node, type Repeat } from './syntax/ast.ts';

/**
 * A Thompson automaton in typed arrays: instructions of three words, `[operation, next, argument]`. Plain data, so
 * that it can be cloned to a worker thread or lie in shared memory.
 */
export interface Program {
  readonly code: Int32Array;
  /** Eight words for each distinct class, as in a `ByteSet`. */
  readonly sets: Int32Array;
  /** The class of every byte: bytes that no instruction tells apart share one. */
  readonly classOf: Uint8Array;
  /** One byte of each class. */
  readonly byteOf: Uint8Array;
  /** Where a match that begins here starts, and where a search starts that may begin anywhere behind. */
  readonly anchoredStart: number;
  readonly searchStart: number;
  /**
   * The same search in two parts: what may begin only at the first byte, and what may begin at every byte; -1 for
   * nothing.
   */
  readonly onceStart: number;
  readonly repeatedStart: number;
  /** The assertions that occur, as bits. */
  readonly assertions: number;
}

/** The operations. `next` is where the automaton goes on. */
export const OPERATION = {
  /** The argument is where the set of bytes begins in `sets`. */
  bytes: 0,
  /** Prefers `next` to the argument, which is a second place to go on. */
  split: 1,
  /** The argument is a bit of `ASSERTION`. */
  assertion: 2,
  /** The argument is the slot that remembers the place: two times the group, one more for its end. */
  save: 3,
  match: 4,
} as const;

export const INSTRUCTION_WORDS = 3;
const SET_WORDS = 8;

export interface CompileOptions {
  readonly instructionsMax: number;
  /** `backward` gives the automaton of the reversed language, without captures: it finds where a match began. */
  readonly direction: 'forward' | 'backward';
}

/** The automaton of a tree. Throws `RegexError` (`TOO_LARGE`). */
export function compileProgram(root: Node, options: CompileOptions): Program {
  const assembler = new Assembler(options);
  const match = assembler.add(OPERATION.match, 0, 0);
  const start = assembler.emit(root, match);
  const isOnce = options.direction === 'backward' || isAnchoredAtStart(root);
  const searchStart = isOnce ? start : assembler.loopBefore(start);
  const assertions = assertionsIn(root);
  const classOf = byteClasses(assembler.sets.distinct, assertions);
  return {
    code: Int32Array.from(assembler.code),
    sets: assembler.sets.words(),
    classOf,
    byteOf: representatives(classOf),
    anchoredStart: start,
    searchStart,
    onceStart: isOnce ? start : -1,
    repeatedStart: isOnce ? -1 : start,
    assertions,
  };
}

/**
 * The automaton of several automata: its match instructions carry the numbers of the members. For one pass that says
 * which of them match.
 */
export function combinePrograms(members: readonly { readonly program: Program; readonly member: number }[]): Program {
  const sets = new SetTable();
  const instructions = members.reduce((sum, { program }) => sum + program.code.length / INSTRUCTION_WORDS, 0);
  // Behind the members stand the splits that lead to them, for each of three starts.
  const code = new Int32Array((instructions + 3 * members.length) * INSTRUCTION_WORDS);
  const all: number[] = [];
  const once: number[] = [];
  const repeated: number[] = [];
  let base = 0;
  for (const { program, member } of members) {
    copyInstructions(code, { program, member, base, sets });
    all.push(base + program.anchoredStart);
    if (program.onceStart >= 0) once.push(base + program.onceStart);
    if (program.repeatedStart >= 0) repeated.push(base + program.repeatedStart);
    base += program.code.length / INSTRUCTION_WORDS;
  }
  const anyOf = (starts: readonly number[]): number => {
    if (starts.length === 0) return -1;
    return starts.reduce((others, start) => {
      code.set([OPERATION.split, start, others], base * INSTRUCTION_WORDS);
      return base++;
    });
  };
  const assertions = members.reduce((bits, { program }) => bits | program.assertions, 0);
  const classOf = commonClasses(members.map(({ program }) => program));
  const anchoredStart = anyOf(all);
  return {
    anchoredStart,
    // Never used: a search of several members is only asked which of them match.
    searchStart: anchoredStart,
    onceStart: anyOf(once),
    repeatedStart: anyOf(repeated),
    code,
    sets: sets.words(),
    classOf,
    byteOf: representatives(classOf),
    assertions,
  };
}

/** Copies the instructions of one member to where they stand among the others. */
function copyInstructions(
  target: Int32Array,
  { program, member, base, sets }: { program: Program; member: number; base: number; sets: SetTable },
): void {
  const { code } = program;
  const offsets = new Map<number, number>();
  const offsetOf = (set: number): number => {
    const known = offsets.get(set) ?? sets.offsetOf(Uint32Array.from(program.sets.subarray(set, set + SET_WORDS)));
    offsets.set(set, known);
    return known;
  };
  for (let at = 0; at < code.length; at += INSTRUCTION_WORDS) {
    const operation = code[at] ?? 0;
    const argument = code[at + 2] ?? 0;
    const to = at + base * INSTRUCTION_WORDS;
    target[to] = operation;
    target[to + 1] = (code[at + 1] ?? 0) + base;
    target[to + 2] = argument;
    if (operation === OPERATION.bytes) target[to + 2] = offsetOf(argument);
    else if (operation === OPERATION.split) target[to + 2] = argument + base;
    else if (operation === OPERATION.match) target[to + 2] = member;
  }
}

/** The distinct classes of a program, in the order in which they were met. */
class SetTable {
  readonly distinct: ByteSet[] = [];
  readonly #sameOffsets = new Map<ByteSet, number>();
  readonly #offsets = new Map<string, number>();

  /** Where the set begins in `words`. */
  offsetOf(set: ByteSet): number {
    const same = this.#sameOffsets.get(set);
    if (same !== undefined) return same;
    const offset = this.#equalOffset(set);
    this.#sameOffsets.set(set, offset);
    return offset;
  }

  #equalOffset(set: ByteSet): number {
    const key = keyOfSet(set);
    const known = this.#offsets.get(key);
    if (known !== undefined) return known;
    const offset = this.distinct.length * SET_WORDS;
    this.distinct.push(set);
    this.#offsets.set(key, offset);
    return offset;
  }

  words(): Int32Array {
    const words = new Int32Array(this.distinct.length * SET_WORDS);
    for (const [index, set] of this.distinct.entries()) words.set(set, index * SET_WORDS);
    return words;
  }
}

/** Builds from the end to the beginning: every node is emitted when the place behind it is already known. */
class Assembler {
  readonly code: number[] = [];
  readonly sets: SetTable = new SetTable();
  readonly #options: CompileOptions;

  constructor(options: CompileOptions) {
    this.#options = options;
  }

  emit(node: Node, next: number): number {
    switch (node.kind) {
      case 'empty':
        return next;
      case 'bytes':
        return this.add(OPERATION.bytes, next, this.sets.offsetOf(node.set));
      case 'assertion':
        return this.add(OPERATION.assertion, next, node.assertion);
      case 'concat': {
        const parts = this.#options.direction === 'forward' ? node.parts.toReversed() : node.parts;
        return parts.reduce((behind, part) => this.emit(part, behind), next);
      }
      case 'alternate':
        return node.choices
          .map((choice) => this.emit(choice, next))
          .reduceRight((others, entry) => this.add(OPERATION.split, entry, others));
      case 'capture': {
        if (this.#options.direction === 'backward') return this.emit(node.body, next);
        const close = this.add(OPERATION.save, next, node.index * 2 + 1);
        return this.add(OPERATION.save, this.emit(node.body, close), node.index * 2);
      }
      case 'repeat':
        return this.#repeat(node, next);
    }
  }

  add(operation: number, next: number, argument: number): number {
    const index = this.code.length / INSTRUCTION_WORDS;
    if (index >= this.#options.instructionsMax) {
      throw new RegexError('TOO_LARGE', -1, `needs more than ${this.#options.instructionsMax} instructions`);
    }
    this.code.push(operation, next, argument);
    return index;
  }

  /** `.*?` over all bytes in front of `start`, preferred last, so that an earlier beginning always wins. */
  loopBefore(start: number): number {
    const loop = this.add(OPERATION.split, start, 0);
    this.code[loop * INSTRUCTION_WORDS + 2] = this.add(OPERATION.bytes, loop, this.sets.offsetOf(ANY_BYTE));
    return loop;
  }

  #repeat(node: Repeat, next: number): number {
    let entry = next;
    if (node.max === Number.POSITIVE_INFINITY) {
      entry = this.#plus(node, next);
      // x* is (x+)? when x can be empty: only so is an empty pass preferred as the pattern says.
      if (node.min === 0) return isNullable(node.body) ? this.#choice(node, entry, next) : entry;
      for (let copy = 1; copy < node.min; copy++) entry = this.emit(node.body, entry);
      return entry;
    }
    for (let copy = node.min; copy < node.max; copy++) entry = this.#choice(node, this.emit(node.body, entry), next);
    for (let copy = 0; copy < node.min; copy++) entry = this.emit(node.body, entry);
    return entry;
  }

  /** The body at least once; where the body cannot be empty and may be left out, one instruction does for both. */
  #plus(node: Repeat, next: number): number {
    const loop = this.#choice(node, 0, next);
    const body = this.emit(node.body, loop);
    this.code[loop * INSTRUCTION_WORDS + (node.isGreedy ? 1 : 2)] = body;
    return node.min === 0 && !isNullable(node.body) ? loop : body;
  }

  #choice(node: Repeat, body: number, next: number): number {
    return node.isGreedy ? this.add(OPERATION.split, body, next) : this.add(OPERATION.split, next, body);
  }
}

/** Splits the 256 bytes by every set in turn. Bytes that an assertion tells apart must not share a class either. */
function byteClasses(sets: readonly ByteSet[], assertions: number): Uint8Array {
  const { wordBoundary, notWordBoundary, lineStart, lineEnd, textEndOrLastNewline } = ASSERTION;
  const partition = new BytePartition();
  for (const set of sets) partition.split(set);
  if ((assertions & (wordBoundary | notWordBoundary)) !== 0) partition.split(WORD_BYTES);
  if ((assertions & (lineStart | lineEnd | textEndOrLastNewline)) !== 0) partition.split(singleByte(NEWLINE, 'exact'));
  return partition.classOf;
}

/** Classes of bytes that no set so far has told apart. */
class BytePartition {
  readonly classOf: Uint8Array = new Uint8Array(BYTE_VALUES);
  #count = 1;
  readonly #sizes = new Uint16Array(BYTE_VALUES).fill(BYTE_VALUES, 0, 1);
  readonly #members = new Uint8Array(BYTE_VALUES);
  /** By class, while a set is looked at: how many of its bytes are in the set, and the class that they get. */
  readonly #within = new Uint16Array(BYTE_VALUES);
  readonly #targets = new Int16Array(BYTE_VALUES);

  /** Costs what the set holds, or what it lacks where that is less: both split alike. */
  split(set: ByteSet): void {
    if (this.#count === BYTE_VALUES) return;
    const members = this.#smallerHalf(set);
    this.#within.fill(0);
    this.#targets.fill(-1);
    for (const byte of members) {
      const old = this.classOf[byte] ?? 0;
      this.#within[old] = (this.#within[old] ?? 0) + 1;
    }
    for (const byte of members) this.classOf[byte] = this.#targetOf(this.classOf[byte] ?? 0);
  }

  /** A class that lies within the set as a whole stays what it is. */
  #targetOf(old: number): number {
    let target = this.#targets[old] ?? -1;
    if (target >= 0) return target;
    const within = this.#within[old] ?? 0;
    const size = this.#sizes[old] ?? 0;
    target = within === size ? old : this.#count++;
    this.#targets[old] = target;
    this.#sizes[old] = size - within;
    this.#sizes[target] = within;
    return target;
  }

  #smallerHalf(set: ByteSet): Uint8Array {
    const isLarge = sizeOfSet(set) > BYTE_VALUES / 2;
    let count = 0;
    for (let word = 0; word < SET_WORDS; word++) {
      let bits = isLarge ? ~(set[word] ?? 0) : (set[word] ?? 0);
      while (bits !== 0) {
        this.#members[count++] = word * 32 + 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
      }
    }
    return this.#members.subarray(0, count);
  }
}

/** Bytes share a class where they share one in every program: those know already what their sets tell apart. */
function commonClasses(programs: readonly Program[]): Uint8Array {
  const classOf = new Uint8Array(BYTE_VALUES);
  let count = 1;
  for (const { classOf: others, byteOf } of programs) {
    // By the class until here and the one of this program. New numbers go by the first byte of each class.
    const joined = new Int16Array(count * byteOf.length).fill(-1);
    count = 0;
    for (let byte = 0; byte < BYTE_VALUES; byte++) {
      const pair = (classOf[byte] ?? 0) * byteOf.length + (others[byte] ?? 0);
      if (joined[pair] === -1) joined[pair] = count++;
      classOf[byte] = joined[pair] ?? 0;
    }
  }
  return classOf;
}

function representatives(classOf: Uint8Array): Uint8Array {
  const count = Math.max(...classOf) + 1;
  return Uint8Array.from({ length: count }, (_, index) => classOf.indexOf(index));
}
